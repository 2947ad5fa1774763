package dev.catena.tests.endtoend;

import dev.catena.runtime.Devices;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import dev.catena.runtime.CatenaModel;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Code for each kind of processor that this machine can be: named targets give the same answers as {@code cpu}. */
class TargetTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 172, 105, 2, 64);

  @TempDir Path folder;

  static Stream<Arguments> targets() {
    return Stream.of("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:icelake-server", "cpu:znver4", "cpu:sapphirerapids").flatMap(
        t -> Stream.of(Arguments.of(t, ExportStyle.F32, 32, 1e-4), Arguments.of(t, ExportStyle.F16, 16, 5e-3)));
  }

  @ParameterizedTest(name = "{0} at {2} bits")
  @MethodSource("targets")
  void aNamedTargetAgreesWithOnnxRuntime(String target, ExportStyle style, int bits, double tolerance) {
    PieceFolder pieces = LlamaModel.write(folder.resolve("model"), SHAPE, style, 29);
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", bits, "--target", target);
    requireMachineFor(artifact);
    Generation judge = ModelBench.judge(pieces, ModelBench.prompt(9, SHAPE.vocab(), 31), 34);
    try (CompiledModel model = new CompiledModel(artifact)) {
      new Agreement(judge, tolerance).check(model);
    }
  }

  /** Skips where a feature of the target is missing here: then a refusal is right, and is checked. */
  private static void requireMachineFor(Path artifact) {
    List<String> machine = Devices.list().get(0).features();
    try (var reader = dev.catena.artifact.ArtifactReader.open(artifact)) {
      List<String> missing = reader.manifest().targets().get(0).features().stream().filter(f -> !machine.contains(f)).toList();
      if (!missing.isEmpty()) {
        Assertions.assertThrows(dev.catena.runtime.UnsupportedPlatformException.class, () -> CatenaModel.open(artifact));
        String why = "SKIPPED: this machine has no " + String.join(", ", missing);
        System.err.println(why);
        Assumptions.abort(why);
      }
    }
  }
}
