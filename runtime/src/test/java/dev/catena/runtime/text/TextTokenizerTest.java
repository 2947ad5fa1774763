package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextTokenizerTest {
    private static final String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    private static final String LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String QWEN = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String GPT4O = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private static TextTokenizer tale;

    @BeforeAll
    static void open() {
        tale = TextTokenizer.open(Tokenizers.TALE.resolve("tokenizer.json"));
    }

    @AfterAll
    static void close() {
        tale.close();
    }

    @Test
    void encodesThePromptAsItsTrainerDid() throws Exception {
        JsonNode prompt = new ObjectMapper().readTree(Tokenizers.TALE.resolve("split-fp16/ref.json").toFile()).path("prompt");
        int[] expected = IntStream.range(0, prompt.size()).map(i -> prompt.get(i).intValue()).toArray();
        assertArrayEquals(expected, tale.encode("Once upon a time", true), "with BOS");
        assertArrayEquals(IntStream.of(expected).skip(1).toArray(), tale.encode("Once upon a time"), "without");
        assertEquals("Once upon a time", tale.decode(expected));
    }

    @Test
    void textComesBackAsItWas() {
        for (String text : new String[] {"", " ", "  two\n\n\tthree ", "Grüße, 日本語 e\u0301 👩‍👩‍👧‍👦 \u0000 \uFFFD", "עברית عربى"}) {
            assertEquals(text, tale.decode(tale.encode(text)));
        }
    }

    @Test
    void halvesOfSurrogatePairsBecomeReplacementCharacters() {
        assertEquals("a\uFFFDb\uFFFD", tale.decode(tale.encode("a\uD83Db\uDE00")));
    }

    @Test
    void knowsItsVocabulary() {
        assertEquals(2048, tale.vocabularySize());
        assertEquals(OptionalInt.of(0), tale.id("<|endoftext|>"));
        assertEquals(OptionalInt.empty(), tale.id("<|no such token|>"));
        assertTrue(tale.isSpecial(0));
        assertFalse(tale.isSpecial(1));
        assertFalse(tale.isSpecial(-1));
        assertEquals(OptionalInt.of(0), tale.leadingSpecial());
    }

    @Test
    void specialAndUnknownIdsHaveNoText() {
        int[] the = tale.encode(" the");
        assertEquals(" the", tale.decode(0, -1, the[0], 2048, Integer.MAX_VALUE, 0));
        assertEquals(0, tale.bytes(0).length);
        assertEquals(0, tale.bytes(2048).length);
        assertEquals(0, tale.bytes(-1).length);
    }

    @Test
    void bytesOfTokensLaidEndToEndAreTheText() {
        String text = "Once upon a time, naïve 猫 🐈.";
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int id : tale.encode(text)) {
            all.writeBytes(tale.bytes(id));
        }
        assertEquals(text, all.toString(StandardCharsets.UTF_8));
    }

    @Test
    void truncationAndPaddingInTheFileAreIgnored() {
        String json = new String(Tokenizers.taleJson(), StandardCharsets.UTF_8)
                .replace("\"truncation\": null", "\"truncation\": {\"direction\":\"Right\",\"max_length\":2,\"strategy\":\"LongestFirst\",\"stride\":0}")
                .replace("\"padding\": null", "\"padding\": {\"strategy\":{\"Fixed\":64},\"direction\":\"Right\",\"pad_to_multiple_of\":null,"
                        + "\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"<|endoftext|>\"}");
        assertTrue(json.contains("max_length") && json.contains("Fixed"), "the file was changed");
        try (TextTokenizer changed = TextTokenizer.of(json.getBytes(StandardCharsets.UTF_8), "changed")) {
            assertArrayEquals(tale.encode("Once upon a time"), changed.encode("Once upon a time"));
        }
    }

    @Test
    void twoTokenizersAreIndependentAndAClosedOneRefuses() {
        TextTokenizer other = Tokenizers.sentencepiece(Tokenizers.LLAMA2_DECODER);
        assertEquals(OptionalInt.of(1), other.leadingSpecial());
        other.close();
        other.close();
        assertThrows(IllegalStateException.class, () -> other.encode("x"));
        assertThrows(IllegalStateException.class, () -> other.decode(5));
        assertEquals("x", tale.decode(tale.encode("x")));
    }

    @Test
    void whatIsNotATokenizerIsRefusedInOneLineThatNamesTheFile(@TempDir Path folder) throws Exception {
        String[] contents = {"", "[]", "{", "{}", "null", "{\"model\":3}", "{\"model\":{\"vocab\":3}}", "{\"model\":{\"vocab\":{\"a\":\"b\"}}}",
            "{\"model\":{\"vocab\":{\"a\":1.5}}}", "{\"model\":{\"vocab\":{\"a\":-1}}}", "{\"model\":{\"vocab\":{\"a\":99999999}}}",
            "{\"model\":{\"vocab\":{\"a\":18446744073709551616}}}", "{\"model\":{\"vocab\":[1]}}", "{\"model\":{\"type\":\"Nonsense\",\"vocab\":{\"a\":0}}}",
            "{\"model\":{\"vocab\":{\"a\":0}},\"added_tokens\":[{}]}", "{\"model\":{\"vocab\":{\"a\":0}}} trailing",
            "{\"decoder\":" + "[".repeat(100_000), "\u0000\u0001\u0002"};
        for (String content : contents) {
            Path file = folder.resolve("tokenizer.json");
            Files.writeString(file, content);
            String message = assertThrows(TokenizerException.class, () -> TextTokenizer.open(file).close(), content).getMessage();
            assertTrue(message.startsWith(file + ": "), message);
            assertEquals(1, message.lines().count(), message);
        }
        String missing = assertThrows(TokenizerException.class, () -> TextTokenizer.open(folder.resolve("none.json"))).getMessage();
        assertEquals(folder.resolve("none.json") + ": does not exist", missing);
        assertThrows(TokenizerException.class, () -> TextTokenizer.open(folder), "a folder");
    }

    /** The native library's parser of patterns, or its matcher, would end the process. */
    @Test
    void patternsThatAreNestedWithoutEndOrTakeExponentialTimeAreRefused() {
        for (String part : new String[] {"\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\",\"invert\":false}",
            "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"%s\"},\"content\":\"\"}",
            "\"decoder\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"%s\"},\"content\":\"\"}"}) {
            String json = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}," + part + "}";
            for (String pattern : new String[] {"(".repeat(2000) + "a" + ")".repeat(2000), "a?".repeat(50_000), "(a+)+$", "(a)+\\\\1"}) {
                byte[] content = json.formatted(pattern).getBytes(StandardCharsets.UTF_8);
                TokenizerException e = assertThrows(TokenizerException.class, () -> TextTokenizer.of(content, "t.json").close());
                assertTrue(e.getMessage().startsWith("t.json: has ") && e.getMessage().contains(" regular expression "), e.getMessage());
            }
            TextTokenizer.of(json.formatted("(a|[^b(])+").getBytes(StandardCharsets.UTF_8), "t.json").close();
        }
    }

    /** Tens of seconds in one call that nobody can end, if they were encoded. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '"', value = {"\\s+$; ' '", "\\s+$|\\s; ' '", "(?=.+x)a; b", "[^x]+x; b", "(?<a>b+)\\k<a>c; b"})
    void textsThatWouldTakeTheMatcherMinutesAreRefused(String pattern, String repeated) {
        String unit = repeated.replace("'", "");
        try (TextTokenizer slow = Tokenizers.taleWithSplit(pattern)) {
            String line = assertThrows(UnencodableTextException.class, () -> slow.encode(unit.repeat(40_000) + "y")).getMessage();
            assertTrue(line.contains("regular expression " + pattern) && line.lines().count() == 1, line);
            assertEquals("y", slow.decode(slow.encode("y")));
        }
    }

    /** A table, a log: long runs of one kind, which these patterns match as a whole, whatever else they look at on the way. */
    @ParameterizedTest
    @ValueSource(strings = {GPT2, LLAMA3, QWEN, GPT4O, "\\s+(?!\\S)|\\s+|[^\\s]"})
    void longRunsAreEncodedWhereTheyAreMatchedAsAWhole(String pattern) {
        try (TextTokenizer tokenizer = Tokenizers.taleWithSplit(pattern)) {
            for (String unit : new String[] {" ", " \n", "A", "字"}) {
                String text = "x<|endoftext|>" + unit.repeat(30_000) + "y";
                assertEquals(text.replace("<|endoftext|>", ""), tokenizer.decode(tokenizer.encode(text)));
            }
        }
    }

    /** What stands behind a token that is written out in a text isn't seen by the expression: it looks for an x in vain. */
    @Test
    void aTextIsJudgedByThePiecesBetweenAddedTokens() {
        try (TextTokenizer slow = Tokenizers.taleWithSplit("b+x|b|[^b]")) {
            assertEquals("b".repeat(40_000) + "x", slow.decode(slow.encode("b".repeat(40_000) + "x")));
            assertThrows(UnencodableTextException.class, () -> slow.encode("b".repeat(40_000) + "<|endoftext|>x"));
        }
    }

    /** What Ġ stands for isn't known once bytes were made into characters, but a text of ordinary length is short enough whatever it is. */
    @Test
    void anExpressionBehindOneThatRewritesCountsForAllCharacters() {
        String json = new String(Tokenizers.taleJson(), StandardCharsets.UTF_8).replace("\"pretokenizers\": [",
                "\"pretokenizers\": [{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false},"
                        + "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"Ġ+$\"}, \"behavior\": \"Isolated\", \"invert\": false},");
        try (TextTokenizer slow = TextTokenizer.of(json.getBytes(StandardCharsets.UTF_8), "t.json")) {
            assertThrows(UnencodableTextException.class, () -> slow.encode(" ".repeat(40_000) + "y"));
            assertTrue(slow.encode("if x:  y ".repeat(1000)).length > 1000);
        }
    }

    /** Runs of some hundreds, and lines of ten thousand characters. */
    @ParameterizedTest
    @ValueSource(strings = {GPT2,
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+(?i:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "\\s++$|\\S+"})
    void ordinaryTextsAreEncoded(String pattern) {
        String code = ("if x:" + " ".repeat(500) + "y()\n".repeat(3) + "\n".repeat(40) + "東京は、日本の首都である。" + "The end. ").repeat(50);
        String line = "iVBORw0KGgo".repeat(1000) + "-".repeat(10_000) + "字".repeat(10_000);
        try (TextTokenizer tokenizer = Tokenizers.taleWithSplit(pattern)) {
            assertEquals(line, tokenizer.decode(tokenizer.encode(line)));
            assertEquals(code, tokenizer.decode(tokenizer.encode(code)));
        }
    }
}
