package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.StructuralEquality;
import dev.catena.ir.Verifier;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.shared.SharedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The module after each pass is read back from its text as the same module, which prints as the same bytes. */
class TextFormTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 2, 40);

  @TempDir Path folder;

  static Stream<ExportStyle> styles() {
    return Stream.of(ExportStyle.F32, ExportStyle.F16, ExportStyle.F32.withQkvBias(), ExportStyle.F32.withDynamicBatch(),
        ExportStyle.F32.withExternalData(), ExportStyle.F32.withGatherElements());
  }

  @ParameterizedTest
  @MethodSource("styles")
  void ofAGeneratedModel(ExportStyle style) {
    roundTrips(LlamaModel.write(folder.resolve("model"), SHAPE, style, 5));
  }

  @ParameterizedTest
  @EnumSource
  void ofASharedModel(SharedModel model) {
    roundTrips(model.pieces());
  }

  private static void roundTrips(PieceFolder pieces) {
    Pipeline pipeline = Pipeline.parse(
        DefaultPipeline.text(new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(4, 32), 16, 16, 256, 64)));
    try (ImportedModel imported = OnnxImporter.importModel(pieces.path())) {
      pipeline.run(imported.module(), new PassContext().verifyEach(true).observe(r -> {
        var read = CirReader.parse(r.text(), r.label(), WeightFiles.NONE);
        assertNull(StructuralEquality.difference(r.module(), read), r.label());
        assertEquals(r.text(), read.toString(), r.label());
        Verifier.verify(read);
      }));
    }
  }

  private List<Path> dumps() throws IOException {
    LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32.withExternalData(), 9);
    CatenaCommand.run("compile", folder.resolve("model"), "-o", folder.resolve("m.catena"), "--dump-dir",
        folder.resolve("dumps")).succeeded();
    try (Stream<Path> files = Files.list(folder.resolve("dumps"))) {
      return files.sorted().toList();
    }
  }

  @Test
  void dumpsGoThroughOptUnchangedWithAndWithoutWeights() throws IOException {
    List<Path> dumps = dumps();
    assertTrue(dumps.size() > 10, dumps.toString());
    for (Path dump : dumps) {
      Path out = folder.resolve("out.cir");
      CatenaCommand.run("opt", dump, "-o", out).succeeded();
      assertEquals(-1, Files.mismatch(dump, out), dump.toString());
      CatenaCommand.run("opt", dump, "-o", out, "--weights", folder.resolve("model")).succeeded();
      assertEquals(-1, Files.mismatch(dump, out), dump.toString());
    }
  }

  /** A pass that a dump stands before gives the next dump: what is read back is as good as what was in memory. */
  @Test
  void eachPassGoesOnFromTheTextBeforeIt() throws IOException {
    List<Path> dumps = dumps();
    List<String> steps = List.of(DefaultPipeline.text(new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(4, 128), 16, 16, 256, 4096))
        .split(",(?![^{]*\\})"));
    for (int i = 0; i < steps.size(); i++) {
      Path out = folder.resolve("out.cir");
      CatenaCommand.run("opt", dumps.get(i), "--pipeline", steps.get(i), "-o", out, "--verify-each", "--weights",
          folder.resolve("model")).succeeded();
      // Equal but for the names of values, which are hints.
      assertNull(StructuralEquality.difference(CirReader.read(dumps.get(i + 1)), CirReader.read(out)), steps.get(i));
    }
  }

  @Test
  void anotherFilesContentIsAnErrorAtTheWeightsLine() throws IOException {
    Path dump = dumps().get(0);
    String line = Files.readAllLines(dump).stream().filter(l -> l.contains("weight @")).findFirst().orElseThrow();
    String hash = line.replaceAll(".* sha256 ", "");
    Path changed = folder.resolve("changed.cir");
    Files.writeString(changed, Files.readString(dump).replace(hash, "0".repeat(64)));
    CatenaCommand.run("opt", changed).succeeded();
    CommandResult refused = CatenaCommand.run("opt", changed, "--weights", folder.resolve("model"));
    assertEquals(2, refused.status());
    assertTrue(refused.err().matches("(?s).*changed\\.cir:[0-9]+:[0-9]+: expected content with sha256 0{64}, found " + hash
        + ".*\\^\\R"), refused.err());
  }
}
