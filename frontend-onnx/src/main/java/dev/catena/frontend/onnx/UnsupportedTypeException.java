package dev.catena.frontend.onnx;

/** A model with values of a type that Catena has nothing for, such as sequences: no fault of the file. */
public final class UnsupportedTypeException extends OnnxException {
  private static final long serialVersionUID = 1;

  private final String type;

  UnsupportedTypeException(String message, String type) {
    super(message);
    this.type = type;
  }

  /** What the type is called: {@code sequence}, {@code optional}, {@code complex64}. */
  public String type() {
    return type;
  }
}
