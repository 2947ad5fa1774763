package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;

/** ONNX's numbers for element types (TensorProto.DataType). */
final class ElementTypes {
  private ElementTypes() {}

  /** The type, or null for those that Catena lacks (complex numbers, floats of 8 bits and less). */
  static ElementType of(long number) {
    return switch ((int) number) {
      case 1 -> ElementType.F32;
      case 2 -> ElementType.U8;
      case 3 -> ElementType.I8;
      case 4 -> ElementType.U16;
      case 5 -> ElementType.I16;
      case 6 -> ElementType.I32;
      case 7 -> ElementType.I64;
      case 8 -> ElementType.STRING;
      case 9 -> ElementType.BOOL;
      case 10 -> ElementType.F16;
      case 11 -> ElementType.F64;
      case 12 -> ElementType.U32;
      case 13 -> ElementType.U64;
      case 16 -> ElementType.BF16;
      case 21 -> ElementType.U4;
      case 22 -> ElementType.I4;
      default -> null;
    };
  }

  /** The type; one that Catena lacks is an error about {@code what}, which names file and tensor. */
  static ElementType require(long number, String what) {
    ElementType e = of(number);
    if (e == null) {
      String name = switch ((int) number) {
        case 0 -> "undefined";
        case 14 -> "complex64";
        case 15 -> "complex128";
        case 17, 18, 19, 20 -> "float8";
        case 23 -> "float4";
        default -> "number " + number;
      };
      throw new OnnxException(what + ": element type " + name + " isn't supported");
    }
    return e;
  }
}
