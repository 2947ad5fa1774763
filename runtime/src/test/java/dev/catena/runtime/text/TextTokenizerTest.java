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

class TextTokenizerTest {
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

    /** The native library's parser of patterns would end the process. */
    @Test
    void patternsThatAreNestedWithoutEndAreRefused() {
        for (String part : new String[] {"\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\",\"invert\":false}",
            "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"%s\"},\"content\":\"\"}",
            "\"decoder\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"%s\"},\"content\":\"\"}"}) {
            String json = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}," + part + "}";
            for (String pattern : new String[] {"(".repeat(2000) + "a" + ")".repeat(2000), "a?".repeat(50_000)}) {
                byte[] content = json.formatted(pattern).getBytes(StandardCharsets.UTF_8);
                TokenizerException e = assertThrows(TokenizerException.class, () -> TextTokenizer.of(content, "t.json").close());
                assertTrue(e.getMessage().startsWith("t.json: has a regular expression"), e.getMessage());
            }
            TextTokenizer.of(json.formatted("(a|[^b(])+").getBytes(StandardCharsets.UTF_8), "t.json").close();
        }
    }
}
