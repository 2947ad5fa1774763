package dev.catena.tests.endtoend;

import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.Generation;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A model's pieces, compiled by the command and run by ONNX Runtime. */
final class ModelBench {
  private ModelBench() {}

  /** Compiles with {@code --activations f32}, the setting for exactness. */
  static Path compile(PieceFolder pieces, Path artifact, Object... options) {
    List<Object> args = new ArrayList<>(List.of("compile", pieces.path(), "-o", artifact, "--activations", "f32"));
    args.addAll(List.of(options));
    CatenaCommand.run(args.toArray()).succeeded();
    return artifact;
  }

  static Generation judge(PieceFolder pieces, int[] prompt, int tokens) {
    try (OnnxRuntimeModel model = new OnnxRuntimeModel(pieces)) {
      return Generation.greedy(model, prompt, tokens);
    }
  }

  static int[] prompt(int length, int vocab, long seed) {
    return new Random(seed).ints(length, 0, vocab).toArray();
  }
}
