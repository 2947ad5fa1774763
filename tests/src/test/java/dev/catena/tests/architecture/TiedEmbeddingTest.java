package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.tests.architecture.ArchitectureModel.Cache;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A matrix that is both embedding and head is stored once, unless it is asked for in two forms. */
class TiedEmbeddingTest {
  private static final int[] IDS = {3, 70, 0, 17, 58, 9, 16, 15};

  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void tiedModel() {
    model = ArchitectureModel.write(folder.resolve("model"), Architecture.GPT2, 17, 5);
  }

  @Test
  void itIsOneEntryThatBothRead() throws IOException {
    float[][] expected = ArchitectureTest.judge(model, Architecture.GPT2, Cache.CARRIED_ON, IDS);
    Path artifact = compile("--wbits", "16").artifact;
    assertEquals(entry(artifact, "embed"), entry(artifact, "head"));
    try (CompiledModel compiled = new CompiledModel(artifact)) {
      LogitsAssert.assertClose(expected, compiled.feed(IDS), 2e-3, "tied");
    }
  }

  @Test
  void theHeadsBitsAreItsBitsUnlessTheEmbeddingsAreAskedFor() throws IOException {
    Compiled once = compile("--wbits", "4");
    assertTrue(once.err.contains("embed_bits = 8, head_bits = 8"), once.err);
    assertFalse(once.err.contains("stored twice"), once.err);
    Compiled twice = compile("--wbits", "4", "--embed-bits", "16");
    assertEquals(1, twice.err.lines().filter(line -> line.contains("stored twice")).count(), twice.err);
    assertEquals(weightsBytes(once.artifact) + 2L * ArchitectureModel.VOCABULARY * ArchitectureModel.HIDDEN, weightsBytes(twice.artifact));
    assertEquals(weightsBytes(once.artifact), planned("--wbits", "4"));
    assertEquals(weightsBytes(twice.artifact), planned("--wbits", "4", "--embed-bits", "16"));
  }

  private record Compiled(Path artifact, String err) {}

  private Compiled compile(String... options) {
    Path artifact = folder.resolve("model" + options.length + ".catena");
    CommandResult result = CatenaCommand.run(arguments("compile", options, "-o", artifact)).succeeded();
    return new Compiled(artifact, result.err());
  }

  private Object[] arguments(String command, String[] options, Object... more) {
    Object[] all = new Object[2 + options.length + more.length];
    all[0] = command;
    all[1] = model;
    System.arraycopy(options, 0, all, 2, options.length);
    System.arraycopy(more, 0, all, 2 + options.length, more.length);
    return all;
  }

  private long planned(String... options) throws IOException {
    return new ObjectMapper().readTree(CatenaCommand.run(arguments("plan", options, "--json")).succeeded().out())
        .required("weights_bytes").asLong();
  }

  private static JsonNode manifest(Path artifact) throws IOException {
    try (java.util.zip.ZipFile zip = new java.util.zip.ZipFile(artifact.toFile())) {
      return new ObjectMapper().readTree(zip.getInputStream(zip.getEntry("manifest.json")));
    }
  }

  private static long weightsBytes(Path artifact) throws IOException {
    return manifest(artifact).required("memory").required("weights_bytes").asLong();
  }

  /** The entry of the stage's matrix. */
  private static String entry(Path artifact, String stage) throws IOException {
    for (JsonNode s : manifest(artifact).required("stages")) {
      if (s.required("name").asText().equals(stage)) {
        return s.required("weights").get(0).required("entry").asText();
      }
    }
    throw new AssertionError("no stage " + stage);
  }
}
