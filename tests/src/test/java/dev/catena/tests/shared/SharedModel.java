package dev.catena.tests.shared;

import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;

/** The split models among the shared files. */
public enum SharedModel {
  NANO("fixtures/nano-gqa/split", false),
  NANO_IF("fixtures/nano-gqa/split-if", false),
  NANO_GATHER_ELEMENTS("fixtures/nano-gqa/split-gatherelems", false),
  NANO_F16("fixtures/nano-gqa/split-fp16", true),
  STORIES("models/stories260K/split", false),
  TALE("models/tale/split", false),
  TALE_F16("models/tale/split-fp16", true);

  private final String path;
  private final boolean half;

  SharedModel(String path, boolean half) {
    this.path = path;
    this.half = half;
  }

  /** Whether weights and activations are in f16. */
  public boolean half() {
    return half;
  }

  /** The pieces; the test is skipped where they are missing. */
  public PieceFolder pieces() {
    return new PieceFolder(SharedFiles.require(path), PieceNames.LLAMA_ONNX);
  }
}
