package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectArtifactTest {
  @TempDir
  private Path folder;

  private String artifact;

  @BeforeEach
  void write() {
    artifact = TestArtifact.write(folder.resolve("small.catena")).toString();
  }

  private static String out(String... args) {
    CommandRun run = CommandRun.of(args);
    assertEquals(0, run.status(), run.err());
    return run.out();
  }

  @Test
  void jsonHasStagesOperationsAndKernels() throws Exception {
    JsonNode json = new ObjectMapper().readTree(out("inspect", artifact, "--json"));
    assertEquals(5, json.get("stages").size());
    assertEquals("decoder_2", json.get("stages").get(3).get("name").textValue());
    assertEquals(3, json.get("operations").get("nn.linear").intValue());
    JsonNode kernels = json.get("kernels");
    assertEquals(3, kernels.size(), "alike decoders share a kernel");
    assertEquals("stage_d", kernels.get(1).get("name").textValue());
    assertEquals(TestArtifact.TARGET, kernels.get(1).get("target").textValue());
    assertEquals(3, kernels.get(1).get("stages").size());
    assertTrue(kernels.get(1).get("registers").isNull());
    assertEquals(0, kernels.get(1).get("shared_bytes").intValue());
    assertTrue(kernels.get(1).get("spill_bytes").isNull());
  }

  @Test
  void memoryByContextCountsWholePages() throws Exception {
    JsonNode memory = new ObjectMapper().readTree(out("inspect", artifact, "--json")).get("memory");
    // 100 positions are two pages of 64, in each of three decoders.
    assertEquals(3 * 2 * 2 * 64 * 16 * 4, memory.get("kv_bytes_by_context").get("100").intValue());
    assertTrue(out("inspect", artifact, "--memory").contains("48.0 KiB at a context of 100"));
  }

  @Test
  void irIsTheLastModuleOrTheNamedOne() {
    assertEquals(TestArtifact.LAST_MODULE, out("inspect", artifact, "--ir"));
    assertEquals("module @small imported\n", out("inspect", artifact, "--ir", "import"));
    assertEquals("module @small imported\n", out("inspect", artifact, "--ir", "00-import"));
  }

  @Test
  void fileMayFollowTheIrOption() {
    assertEquals(TestArtifact.LAST_MODULE, out("inspect", "--ir", artifact));
  }

  @Test
  void kernelsAreTheSourceUnderItsTarget() {
    String text = out("inspect", artifact, "--kernels");
    assertTrue(text.startsWith("// target " + TestArtifact.TARGET), text);
    assertTrue(text.endsWith(TestArtifact.SOURCE), text);
  }

  @Test
  void alikeStagesAreOneLine() {
    String text = out("inspect", artifact);
    assertTrue(text.contains("decoder_0 … 2 (3 alike)"), text);
    assertFalse(text.contains("decoder_1"), text);
  }

  @Test
  void verifyFindsAnAlteredWeight() throws Exception {
    assertTrue(out("inspect", artifact, "--verify").contains("9 entries"));
    long offset;
    try (ArtifactReader reader = ArtifactReader.open(Path.of(artifact))) {
      offset = reader.offset("weights/decoder_1/w");
    }
    try (RandomAccessFile file = new RandomAccessFile(artifact, "rw")) {
      file.seek(offset + 5);
      file.write(1);
    }
    CommandRun run = CommandRun.of("inspect", artifact, "--verify");
    assertEquals(2, run.status());
    assertEquals("", run.out());
    assertTrue(run.err().contains("weights/decoder_1/w"), run.err());
  }

  @Test
  void truncatedFileIsOneLine() throws Exception {
    byte[] bytes = Files.readAllBytes(Path.of(artifact));
    Path half = Files.write(folder.resolve("half.catena"), Arrays.copyOf(bytes, bytes.length / 2));
    CommandRun run = CommandRun.of("inspect", half.toString());
    assertEquals(2, run.status());
    assertEquals(1, run.err().lines().count(), run.err());
  }
}
