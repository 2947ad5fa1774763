package dev.catena.codegen.cpu;

import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import java.util.Map;

/**
 * What the linear kernels of AMX's tiles (linear_panel_amx.c, linear_bf16_amx.c) hold at once. A pair of blocks meets 32 rows in
 * four tiles of sums. The rows' operands of some columns stay in the first cache while pairs of blocks pass by, made ready in the
 * second cache once for all rows of a panel. A CPU that has AMX has caches of 48 KB and 2 MB.
 */
final class AmxLinear {
    /** A panel's rows in C: as many panels as are needed, none much smaller than the others. */
    static final String EVEN_PANEL = "even_panel(rows, PANEL)";

    private static final int MOST_PANEL_ROWS = 256;
    private static final long PANEL_BYTES = 6 << 20;
    private static final int TILE_PAIRS = 8;

    /** Columns of 8-bit digits that a row has in the first cache, those of all digits together. */
    private static final int TILE_BYTES = 512;

    private AmxLinear() {}

    /** Whether codes are multiplied by tiles, in segments of {@code segment} columns with a scale each. */
    static boolean multipliesCodes(MatrixType type, int segment, CpuTarget target) {
        return target.hasTiles() && segment % 64 == 0 && type.group() % segment == 0 && type.columns() % type.group() == 0;
    }

    /**
     * The terms of bf16 that both operands of a matrix of floats are split into; 0: it isn't multiplied by tiles. An f16 is two
     * such terms exactly, an f32 would be cut to 16 bits: it meets rows of f32 in vectors.
     */
    static int terms(MatrixType type, Activations activations, CpuTarget target) {
        if (!target.hasBf16Tiles()) {
            return 0;
        }
        return activations == Activations.BF16 ? 1 : type.element() == MatrixType.Element.F16 ? 2 : 0;
    }

    /** Rows of a panel whose operands take {@code rowBytes} each. */
    static int panelRows(long rowBytes) {
        return (int) Math.max(32, Math.min(MOST_PANEL_ROWS, PANEL_BYTES / rowBytes / 32 * 32));
    }

    /** The values of linear_panel_amx.c. */
    static void addCodes(Map<String, Object> values, MatrixType type, int digits, int panel) {
        values.put("tile_groups", tileGroups(type, digits));
        values.put("tile_pairs", TILE_PAIRS);
        values.put("panel", panel);
    }

    /** Its scratch: the digits, and the structure behind them. */
    static long codesScratch(MatrixType type, int digits, int segment, int panel, long preparedBytes) {
        long sixteens = panel / 16;
        long sums = 2L * digits * 4 * 1024 + 32 * 128;
        long y = TILE_PAIRS * 128L * panel;
        long scales = sixteens * 64 * (type.columns() / segment + type.columns() / type.group());
        long codes = TILE_PAIRS * 2L * (type.element() == MatrixType.Element.U8 ? 64 : 16L * tileGroups(type, digits) * type.group());
        return 16L * sixteens * digits * type.columns() + sums + y + scales + codes + preparedBytes;
    }

    /** The values of linear_bf16_amx.c. */
    static void addFloats(Map<String, Object> values, int terms, int panel) {
        values.put("terms", terms);
        values.put("terms_note", terms == 1 ? "Both operands are rounded to the nearest."
                : "Both operands are split into two terms, of whose four products\n   the three that matter are added: "
                        + "what is left out is below 2^-16 of a product.");
        values.put("tile_pairs", TILE_PAIRS);
        values.put("panel", panel);
    }

    /** Its scratch: the rows' tiles, and the structure behind them. */
    static long floatsScratch(MatrixType type, int terms, int panel) {
        return panel * floatRowBytes(type, terms) + TILE_PAIRS * 2L * 16 * 1024 + TILE_PAIRS * 128L * panel;
    }

    static long floatRowBytes(MatrixType type, int terms) {
        return (type.columns() + 31) / 32 * 64L * terms;
    }

    private static int tileGroups(MatrixType type, int digits) {
        return Math.max(1, TILE_BYTES / digits / type.group());
    }
}
