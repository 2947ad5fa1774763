package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;

/**
 * What an expression computes in. Elements narrower than these are widened when they are loaded: reals of 16 bits and less
 * to F32, integers of less than 8 bits to 8.
 */
public enum ScalarType {
    /** A place or a size: 64 bits, signed, and never near overflow. */
    INDEX,
    F64, F32, I64, I32, I16, I8, U64, U32, U16, U8, BOOL;

    /** What elements of this type are computed in. */
    public static ScalarType of(ElementType element) {
        return switch (element) {
            case F64 -> F64;
            case I64 -> I64;
            case I32 -> I32;
            case I16 -> I16;
            case U64 -> U64;
            case U32 -> U32;
            case U16 -> U16;
            case BOOL -> BOOL;
            case STRING -> throw new IllegalArgumentException("texts are not computed with");
            default -> !element.isInteger() ? F32 : element.keyword().startsWith("u") ? U8 : I8;
        };
    }

    public boolean isFloat() {
        return this == F64 || this == F32;
    }

    public boolean isSigned() {
        return this == INDEX || this == I64 || this == I32 || this == I16 || this == I8;
    }

    public boolean isInteger() {
        return !isFloat() && this != BOOL;
    }

    /** Bits of an integer type. */
    public int bits() {
        return switch (this) {
            case F32, I32, U32 -> 32;
            case I16, U16 -> 16;
            case I8, U8, BOOL -> 8;
            default -> 64;
        };
    }
}
