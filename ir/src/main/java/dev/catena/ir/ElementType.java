package dev.catena.ir;

import java.util.Locale;

/** The type of one element of a tensor, with its storage width in bits. */
public enum ElementType {
  F64(64), F32(32), F16(16), BF16(16), F8E4M3FN(8), F8E4M3FNUZ(8), F8E5M2(8), F8E5M2FNUZ(8), F8E8M0(8), F4E2M1(4),
  I64(64), I32(32), I16(16), I8(8), I4(4), I2(2),
  U64(64), U32(32), U16(16), U8(8), U4(4), U3(3), U2(2),
  BOOL(8), STRING(0);

  private final int bits;

  ElementType(int bits) {
    this.bits = bits;
  }

  /** Storage width; {@code BOOL} takes a byte, {@code STRING} has none. */
  public int bits() {
    return bits;
  }

  public boolean isFloat() {
    return ordinal() <= F4E2M1.ordinal();
  }

  public boolean isInteger() {
    return switch (this) {
      case I64, I32, I16, I8, I4, I2, U64, U32, U16, U8, U4, U3, U2 -> true;
      default -> false;
    };
  }

  /** Whether it is a float of 8 bits or fewer: a format for storing, in which nothing is computed ({@link NarrowFloat}). */
  public boolean isNarrowFloat() {
    return isFloat() && bits <= 8;
  }

  /** The keyword of the text form, such as {@code f16}. */
  public String keyword() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Bytes that {@code elements} of this type take; packed types round up to whole bytes. */
  public long bytes(long elements) {
    return Math.addExact(Math.multiplyExact(elements, (long) bits), 7) / 8;
  }
}
