package dev.catena.frontend.onnx;

/** A graph of more operations than Catena takes, as whatever kind of model it is imported. */
public final class ModelTooLargeException extends OnnxException {
  private static final long serialVersionUID = 1;

  ModelTooLargeException(String message) {
    super(message);
  }
}
