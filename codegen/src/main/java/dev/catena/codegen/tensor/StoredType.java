package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import java.util.Locale;

/** The element types that targets store: those of the IR but for texts, so that a target needs to know no IR. */
public enum StoredType {
    F64, F32, F16, BF16, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1,
    I64, I32, I16, I8, I4, I2, U64, U32, U16, U8, U4, U3, U2, BOOL;

    static StoredType of(ElementType element) {
        return valueOf(element.name());
    }

    public boolean isInteger() {
        return ordinal() >= I64.ordinal() && this != BOOL;
    }

    /** What elements are computed in. */
    public ScalarType scalar() {
        return ScalarType.of(ElementType.valueOf(name()));
    }

    public String keyword() {
        return name().toLowerCase(Locale.ROOT);
    }
}
