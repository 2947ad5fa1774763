package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;

/** ONNX's numbers for element types (TensorProto.DataType). */
final class ElementTypes {
  private ElementTypes() {}

  /** The type, or null for those that Catena lacks (complex numbers). */
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
      case 17 -> ElementType.F8E4M3FN;
      case 18 -> ElementType.F8E4M3FNUZ;
      case 19 -> ElementType.F8E5M2;
      case 20 -> ElementType.F8E5M2FNUZ;
      case 21 -> ElementType.U4;
      case 22 -> ElementType.I4;
      case 23 -> ElementType.F4E2M1;
      case 24 -> ElementType.F8E8M0;
      case 25 -> ElementType.U2;
      case 26 -> ElementType.I2;
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
        default -> "number " + number;
      };
      throw new UnsupportedTypeException(what + ": element type " + name + " isn't supported", name);
    }
    return e;
  }
}
