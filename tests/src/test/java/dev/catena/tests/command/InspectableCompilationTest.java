package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a compilation shows of itself: the module after each pass, what it counts, what it prints. */
class InspectableCompilationTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 172, 105, 3, 40);

  @TempDir static Path folder;
  private static Path artifact;
  private static CommandResult result;

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 83);
    artifact = folder.resolve("m.catena");
    result = CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 4, "--verify-each",
        "--print-after", "merge", "--dump-dir", folder.resolve("dumps")).succeeded();
  }

  private static List<Path> dumps() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("dumps"))) {
      return files.sorted().toList();
    }
  }

  @Test
  void theDumpsAreNumberedFromTheImportOn() throws IOException {
    List<String> names = new ArrayList<>();
    for (Path p : dumps()) {
      assertTrue(p.getFileName().toString().matches(String.format("%02d-[a-z-]+\\.cir", names.size())), p.toString());
      names.add(p.getFileName().toString().replaceAll("^..-|\\.cir$", ""));
    }
    assertEquals("import", names.get(0));
    assertTrue(names.containsAll(List.of("fold", "clean", "raise", "merge", "quantize", "kv-cache", "lower", "plan")),
        names.toString());
  }

  @Test
  void theArtifactHoldsTheDumps() throws IOException {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      for (Path p : dumps()) {
        assertEquals(Files.readString(p),
            new String(reader.bytes("ir/" + p.getFileName()), StandardCharsets.UTF_8), p.toString());
      }
    }
  }

  @Test
  void theModuleIsPrintedAfterTheWantedPassAlone() throws IOException {
    Path merged = dumps().stream().filter(p -> p.toString().endsWith("-merge.cir")).findFirst().orElseThrow();
    assertTrue(result.err().contains(Files.readString(merged)), "not on standard error");
    assertEquals(1, result.err().lines().filter(l -> l.startsWith("module @")).count());
  }

  @Test
  void noDumpNamesAPlaceOnThisMachine() throws IOException {
    for (Path p : dumps()) {
      assertTrue(!Files.readString(p).contains(folder.toString()), p.toString());
    }
  }

  @Test
  void inspectCountsTheOperationsOfAllLayers() throws IOException {
    int layers = SHAPE.layers();
    String json = CatenaCommand.run("inspect", artifact, "--json").succeeded().out();
    JsonNode counts = new ObjectMapper().readTree(json).required("operations");
    Map<String, Integer> expected = Map.of("nn.embedding", 1, "nn.linear", 4 * layers + 1, "nn.rms_norm", 2 * layers + 1,
        "nn.rope", 2 * layers, "nn.attention", layers, "nn.swiglu", layers, "nn.add", 2 * layers, "nn.split",
        2 * layers);
    assertEquals(expected, new ObjectMapper().convertValue(counts, Map.class));
  }

  @Test
  void inspectSaysOfThePiecesWhatItSaysOfTheArtifact() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    JsonNode before = mapper.readTree(CatenaCommand.run("inspect", folder.resolve("model"), "--json").succeeded().out());
    JsonNode after = mapper.readTree(CatenaCommand.run("inspect", artifact, "--json").succeeded().out());
    assertEquals(after.required("operations"), before.required("operations"));
    assertEquals(after.required("layers"), before.required("layers"));
    assertEquals(SHAPE.layers(), after.required("layers").size());
    Map<String, Object> layer = new LinkedHashMap<>(Map.of("name", "decoder_0", "rms_norm", 2, "qkv", 1, "rope", 2, "attention", 1,
        "output", 1, "gate+up", 1, "swiglu", 1, "down", 1));
    layer.putAll(Map.of("add", 2, "left_over", 0));
    layer.put("shortfall", null);
    assertEquals(layer, mapper.convertValue(after.get("layers").get(0), Map.class));
    JsonNode imported = before.required("imported_operations");
    assertTrue(imported.has("onnx.MatMul"), imported.toString());
    imported.fieldNames().forEachRemaining(name -> assertTrue(name.startsWith("onnx."), name));
  }

  @Test
  void inspectVerifiesAndShowsTheIr() throws IOException {
    CatenaCommand.run("inspect", artifact, "--verify").succeeded();
    Path merged = dumps().stream().filter(p -> p.toString().endsWith("-merge.cir")).findFirst().orElseThrow();
    assertTrue(CatenaCommand.run("inspect", artifact, "--ir", "merge").succeeded().out()
        .contains(Files.readString(merged)));
  }

  @Test
  void theReportNamesPiecesAndMemory() {
    for (String part : List.of("embed.onnx", "decoder", "norm.onnx", "head.onnx", "rms_norm", "KV cache",
        artifact.toString())) {
      assertTrue(result.out().contains(part), part + " isn't in:\n" + result.out());
    }
  }
}
