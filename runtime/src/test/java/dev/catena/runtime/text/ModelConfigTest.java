package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigTest {
    @TempDir
    Path parent;
    private Path folder;

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createDirectory(parent.resolve("split"));
    }

    @Test
    void taleIsReadFromThePiecesParent() {
        ModelConfig config = ModelConfig.read(Tokenizers.TALE.resolve("split-fp16"));
        assertEquals(new ModelConfig(OptionalInt.of(0), List.of(0), OptionalInt.of(1024), true), config);
        assertEquals(config, ModelConfig.read(Tokenizers.TALE));
    }

    @Test
    void withoutFilesNothingIsKnown() {
        assertEquals(new ModelConfig(OptionalInt.empty(), List.of(), OptionalInt.empty(), false), ModelConfig.read(folder));
    }

    @Test
    void theFolderGoesBeforeItsParent() throws IOException {
        write(parent, "config.json", "{\"bos_token_id\":1,\"max_position_embeddings\":10}");
        assertEquals(OptionalInt.of(1), ModelConfig.read(folder).bos());
        write(folder, "config.json", "{\"bos_token_id\":2}");
        assertEquals(OptionalInt.of(2), ModelConfig.read(folder).bos());
        assertEquals(OptionalInt.empty(), ModelConfig.read(folder).contextLength(), "files are not mixed with their namesakes");
    }

    @Test
    void generationConfigGoesBeforeGenaiBeforeConfig() throws IOException {
        write(folder, "config.json", "{\"bos_token_id\":1,\"eos_token_id\":2,\"max_position_embeddings\":100}");
        write(folder, "genai_config.json", "{\"model\":{\"bos_token_id\":3,\"eos_token_id\":[4,5],\"context_length\":50}}");
        assertEquals(new ModelConfig(OptionalInt.of(3), List.of(4, 5), OptionalInt.of(50), false), ModelConfig.read(folder));
        write(folder, "generation_config.json", "{\"eos_token_id\":[6,7,6]}");
        assertEquals(new ModelConfig(OptionalInt.of(3), List.of(6, 7), OptionalInt.of(50), false), ModelConfig.read(folder));
    }

    @Test
    void olderAndNestedNamesAreKnown() throws IOException {
        write(folder, "config.json", "{\"n_positions\":77,\"bos_token_id\":null,\"eos_token_id\":-1}");
        assertEquals(new ModelConfig(OptionalInt.empty(), List.of(), OptionalInt.of(77), false), ModelConfig.read(folder));
        write(folder, "config.json", "{\"text_config\":{\"max_position_embeddings\":88,\"eos_token_id\":9}}");
        assertEquals(new ModelConfig(OptionalInt.empty(), List.of(9), OptionalInt.of(88), false), ModelConfig.read(folder));
    }

    @Test
    void addBosComesFromTheTokenizerConfigElseThePostProcessor() throws IOException {
        write(folder, "config.json", "{\"bos_token_id\":1}");
        assertEquals(false, ModelConfig.read(folder).addBos(), "no tokenizer");
        write(folder, "tokenizer.json", """
                {"model":{"vocab":{"a":0,"<s>":1}},"post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel"},
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}}]}}""");
        assertEquals(true, ModelConfig.read(folder).addBos(), "the post-processor's");
        assertEquals(false, ModelConfig.read(folder, Optional.empty()).addBos(), "another tokenizer was chosen");
        write(folder, "tokenizer_config.json", "{\"add_bos_token\":false}");
        assertEquals(false, ModelConfig.read(folder).addBos(), "the tokenizer's configuration");
        write(folder, "tokenizer_config.json", "{\"add_bos_token\":true}");
        assertEquals(true, ModelConfig.read(folder, Optional.empty()).addBos());
        write(folder, "config.json", "{}");
        assertEquals(false, ModelConfig.read(folder).addBos(), "nothing to add");
    }

    @Test
    void aPostProcessorThatPutsAnotherTokenInFrontDoesNotAddBos() throws IOException {
        write(folder, "config.json", "{\"bos_token_id\":0}");
        write(folder, "tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0,\"[CLS]\":1}},\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",1]}}");
        assertEquals(false, ModelConfig.read(folder).addBos());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "config.json | [1] | must be a JSON object",
        "config.json | {\"bos_token_id\": | is not valid JSON at line 1",
        "config.json | {} {} | is not valid JSON at line 1",
        "config.json | {\"bos_token_id\":\"1\"} | bos_token_id must be a token id, not \"1\"",
        "config.json | {\"bos_token_id\":[1]} | bos_token_id must be a token id, not [1]",
        "config.json | {\"eos_token_id\":1.5} | eos_token_id must be a token id, not 1.5",
        "config.json | {\"eos_token_id\":[1,\"2\"]} | eos_token_id must be a token id, not \"2\"",
        "config.json | {\"eos_token_id\":{\"a\":1}} | eos_token_id must be a token id, not {\"a\":1}",
        "config.json | {\"eos_token_id\":4294967296} | eos_token_id must be a token id, not 4294967296",
        "config.json | {\"max_position_embeddings\":0} | max_position_embeddings must be a positive integer, not 0",
        "config.json | {\"max_position_embeddings\":1e30} | max_position_embeddings must be a positive integer, not 1",
        "genai_config.json | {\"model\":7} | model must be an object, not 7",
        "tokenizer_config.json | {\"add_bos_token\":\"yes\"} | add_bos_token must be true or false, not \"yes\""})
    void whatIsWrongIsToldInOneLineThatNamesTheFile(String file, String content, String complaint) throws IOException {
        write(folder, file, content);
        String message = assertThrows(ModelConfigException.class, () -> ModelConfig.read(folder)).getMessage();
        assertTrue(message.startsWith(folder.resolve(file) + ": " + complaint), message);
        assertEquals(1, message.lines().count(), message);
    }

    @Test
    void hostileFilesAreRefused() throws IOException {
        write(folder, "config.json", "{\"a\":".repeat(100_000));
        assertThrows(ModelConfigException.class, () -> ModelConfig.read(folder), "nested deeply");
        write(folder, "config.json", "{\"eos_token_id\":[" + "1,".repeat(1000) + "1]}");
        assertThrows(ModelConfigException.class, () -> ModelConfig.read(folder), "a thousand EOS");
        try (RandomAccessFile large = new RandomAccessFile(folder.resolve("config.json").toFile(), "rw")) {
            large.setLength(1L << 32);
        }
        String message = assertThrows(ModelConfigException.class, () -> ModelConfig.read(folder)).getMessage();
        assertEquals(folder.resolve("config.json") + ": is larger than 16 MiB", message);
    }

    private static void write(Path folder, String name, String content) throws IOException {
        Files.writeString(folder.resolve(name), content);
    }
}
