package dev.catena.tests.command;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A user's mistake when running: one line on standard error that names what is wrong, nothing else, status 2. */
class RunMistakeTest {
  private static final LlamaShape SHAPE = LlamaShape.of(2, 1, 8, 24, 32, 1, 16);
  private static byte[] artifact;

  @TempDir Path folder;

  @BeforeAll
  static void compile(@TempDir Path where) throws IOException {
    LlamaModel.write(where.resolve("model"), SHAPE, ExportStyle.F32, 43);
    CatenaCommand.run("compile", where.resolve("model"), "-o", where.resolve("m.catena"), "--wbits", 32).succeeded();
    artifact = Files.readAllBytes(where.resolve("m.catena"));
  }

  @BeforeEach
  void copy() throws IOException {
    Files.write(folder.resolve("m.catena"), artifact);
  }

  private void runRefused(List<?> arguments, String... named) {
    Refusal.check(folder, arguments, named);
  }

  @Test
  void aPromptLongerThanTheContext() {
    runRefused(List.of("run", "m.catena", "--ids", "1" + ",2".repeat(SHAPE.maxSeq())), "17", "16");
  }

  @ParameterizedTest
  @CsvSource(delimiter = ' ', value = {"1,32 32", "-1 -1", "1,,2 --ids", "one one", "99999999999 99999999999"})
  void idsThatAreNone(String ids, String named) {
    runRefused(List.of("run", "m.catena", "--ids=" + ids), named);
  }

  @ParameterizedTest
  @CsvSource(delimiter = ' ', value = {"--device gpu", "--device cpu:0,,cpu:1", "--threads -1",
      "--threads many", "--max-tokens -1", "--temperature -1", "--top-p 2", "--top-k -1", "--min-p 7",
      "--repeat-penalty 0", "--stop 32"})
  void anOptionThatCannotBe(String option, String value) {
    runRefused(List.of("run", "m.catena", "--ids", "1", option + "=" + value), value.split(",")[0]);
  }

  @Test
  void aGpuThatTheArtifactHasNoCodeForOrTheMachineLacks() {
    runRefused(List.of("run", "m.catena", "--ids", "1", "--device=cuda:0"), "cuda:0");
  }

  @Test
  void aTextPromptWithoutATokenizer() {
    runRefused(List.of("run", "m.catena", "--prompt", "Once"), "m.catena", "--ids");
  }

  @Test
  void noPrompt() {
    runRefused(List.of("run", "m.catena"), "--prompt", "--ids");
  }

  @Test
  void anArtifactThatIsNotThere() {
    runRefused(List.of("run", "nowhere.catena", "--ids", "1"), "nowhere.catena");
  }

  @Test
  void aFolderInPlaceOfAnArtifact() throws IOException {
    Files.createDirectory(folder.resolve("taken.catena"));
    runRefused(List.of("run", "taken.catena", "--ids", "1"), "taken.catena");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.01, 0.5, 0.9, 0.9999})
  void aTruncatedArtifact(double share) throws IOException {
    Files.write(folder.resolve("m.catena"), Arrays.copyOf(artifact, (int) (artifact.length * share)));
    runRefused(List.of("run", "m.catena", "--ids", "1"), "m.catena");
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello", "PK\u0003\u0004", "\u0000"})
  void aForeignFile(String content) throws IOException {
    Files.writeString(folder.resolve("m.catena"), content);
    runRefused(List.of("run", "m.catena", "--ids", "1"), "m.catena");
  }

  @Test
  void aForeignZip() throws IOException {
    try (var zip = new ZipOutputStream(Files.newOutputStream(folder.resolve("m.catena")))) {
      zip.putNextEntry(new ZipEntry("manifest.json"));
      zip.write("{}".getBytes(StandardCharsets.UTF_8));
    }
    runRefused(List.of("run", "m.catena", "--ids", "1"), "m.catena");
  }

  @Test
  void logitsIntoAFolderThatIsNotThere() {
    runRefused(List.of("run", "m.catena", "--ids", "1", "--logits-out", "nowhere/l.npy"), "nowhere");
  }
}
