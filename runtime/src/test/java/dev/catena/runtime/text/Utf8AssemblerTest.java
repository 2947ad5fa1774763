package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8AssemblerTest {
    /** The first four are tables 3-8 to 3-11 of the Unicode Standard 15 (section 3.9); R stands for U+FFFD. */
    @ParameterizedTest
    @CsvSource({
        "C0 AF E0 80 BF F0 81 82 41, RRRRRRRRA",
        "ED A0 80 ED BF BF ED AF 41, RRRRRRRRA",
        "F4 91 92 93 FF 41 80 BF 42, RRRRRARRB",
        "E1 80 E2 F0 91 92 F1 BF 41, RRRRA",
        "F4 8F BF BF, \uDBFF\uDFFF",
        "E0 A0 80 ED 9F BF EE 80 80, \u0800\uD7FF\uE000",
        "F0 9F 98, R",
        "C2, R",
        "F0 41, RA"})
    void malformedInputBecomesOneReplacementForEachMaximalPart(String hex, String expected) {
        assertEquals(expected.replace('R', '\uFFFD'), assemble(HexFormat.ofDelimiter(" ").parseHex(hex)));
    }

    @Test
    void everyCodePointComesBack() {
        StringBuilder all = new StringBuilder();
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
                all.appendCodePoint(c);
            }
        }
        String text = all.toString();
        assertEquals(text, assemble(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String assemble(byte[] bytes) {
        Utf8Assembler assembler = new Utf8Assembler();
        StringBuilder out = new StringBuilder();
        for (byte b : bytes) {
            assembler.accept(b, out);
        }
        assembler.finish(out);
        return out.toString();
    }
}
