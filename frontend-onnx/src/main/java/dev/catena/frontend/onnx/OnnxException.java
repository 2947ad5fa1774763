package dev.catena.frontend.onnx;

import dev.catena.ir.IrException;

/** A model that can't be imported. The message is one line: the file, the node or tensor, and what is wrong. */
public class OnnxException extends IrException {
  private static final long serialVersionUID = 1;

  public OnnxException(String message) {
    super(oneLine(message));
  }

  public OnnxException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** Names come from the file: line breaks and control characters in them must not reach a terminal. */
  private static String oneLine(String message) {
    StringBuilder s = new StringBuilder();
    message.codePoints().limit(2000).forEach(c -> s.appendCodePoint(Character.isISOControl(c) || c == 0x2028 || c == 0x2029 ? '?' : c));
    return s.toString();
  }
}
