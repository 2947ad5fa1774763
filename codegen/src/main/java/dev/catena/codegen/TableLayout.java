package dev.catena.codegen;

import java.util.Locale;

/**
 * How all targets store a table whose rows are looked up: row after row. A quantized row holds its codes (below 8
 * bits as a stream of bits, each byte filled from its lowest bit on), padded to 4 bytes, then a scale for each group (f16 or f32), then, where
 * asymmetric, a u8 zero for each group; padded to 4 bytes.
 */
public record TableLayout(MatrixType type) {
    /** The layout's name in a manifest. */
    public String name() {
        return "rows." + type.element().name().toLowerCase(Locale.ROOT) + (type.f32Scales() ? ".s32" : "");
    }

    /** Where a row's scales begin. */
    public int scalesOffset() {
        return roundUp4((type.columns() * type.element().bits() + 7) / 8);
    }

    /** Where a row's zeros begin, if it has any. */
    public int zerosOffset() {
        return scalesOffset() + type.scale().bits() / 8 * type.groups();
    }

    public int rowBytes() {
        if (!type.element().quantized()) {
            return type.columns() * type.element().bits() / 8;
        }
        return roundUp4(zerosOffset() + (type.symmetric() ? 0 : type.groups()));
    }

    public long bytes() {
        return (long) type.rows() * rowBytes();
    }

    private static int roundUp4(int bytes) {
        return (bytes + 3) / 4 * 4;
    }
}
