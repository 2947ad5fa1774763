package dev.catena.tests.endtoend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.Agreement;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.Generation;
import dev.catena.tests.oracle.NumpyArray;
import dev.catena.tests.shared.Reference;
import dev.catena.tests.shared.SharedModel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The models beside the checkout through the command: {@code compile}, then {@code run --ids --print-ids --logits-out},
 * against ONNX Runtime and against what PyTorch wrote beside them.
 */
class SharedModelTest {
  private static final int LEAST_DECODE_STEPS = 32;

  @TempDir Path folder;

  static Stream<Arguments> models() {
    return Stream.of(
        Arguments.of(SharedModel.NANO, 32, 1e-4), Arguments.of(SharedModel.NANO, 16, 2e-3),
        Arguments.of(SharedModel.NANO_IF, 32, 1e-4), Arguments.of(SharedModel.NANO_GATHER_ELEMENTS, 32, 1e-4), Arguments.of(SharedModel.NANO_F16, 16, 5e-3),
        Arguments.of(SharedModel.STORIES, 32, 1e-4), Arguments.of(SharedModel.STORIES, 16, 2e-3),
        Arguments.of(SharedModel.TALE, 32, 1e-4), Arguments.of(SharedModel.TALE, 16, 2e-3),
        Arguments.of(SharedModel.TALE_F16, 16, 5e-3));
  }

  @ParameterizedTest(name = "{0} at {1} bits")
  @MethodSource("models")
  void theCommandGeneratesWhatTheReferencesSay(SharedModel shared, int bits, double tolerance) {
    PieceFolder pieces = shared.pieces();
    Reference reference = Reference.of(pieces);
    int tokens = Math.max(reference.greedy().length, LEAST_DECODE_STEPS + 1);
    Generation judge = ModelBench.judge(pieces, reference.prompt(), tokens);
    Path artifact = ModelBench.compile(pieces, folder.resolve("model.catena"), "--wbits", bits);
    try (CompiledModel model = new CompiledModel(artifact)) {
      new Agreement(judge, tolerance).check(model);
    }
    try (CompiledModel model = new CompiledModel(artifact)) {
      // PyTorch rounds every product of an f16 model to f16, ONNX Runtime and Catena don't
      double rounding = shared.half() ? 1e-2 : 0;
      new Agreement(new Generation(reference.prompt(), reference.greedy(), reference.logits()), tolerance + rounding)
          .check(model);
    }

    Path npy = folder.resolve("logits.npy");
    String out = CatenaCommand.run("run", artifact, "--ids", text(reference.prompt()), "--print-ids", "--max-tokens",
        tokens, "--logits-out", npy).succeeded().out();
    int[] generated = ids(out);
    float[][] logits = NumpyArray.read(npy).rows();
    new Agreement(judge, tolerance).check(generated, logits);
  }

  private static String text(int[] ids) {
    return String.join(",", Arrays.stream(ids).mapToObj(Integer::toString).toList());
  }

  /** Exactly one line of comma-separated ids. */
  private static int[] ids(String out) {
    assertEquals(1, out.lines().count(), out);
    int[] ids = Arrays.stream(out.strip().split(",")).mapToInt(Integer::parseInt).toArray();
    assertArrayEquals((text(ids) + "\n").toCharArray(), out.toCharArray());
    return ids;
  }
}
