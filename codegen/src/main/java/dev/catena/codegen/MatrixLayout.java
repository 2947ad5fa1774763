package dev.catena.codegen;

/**
 * How all targets store the matrix of a linear layer: blocks of 16 rows, one after the other, the last one padded
 * with zeros. A block holds
 * <ul>
 *   <li>f32, f16: the elements, [columns][16];
 *   <li>u4: 32-bit words of 8 consecutive codes of a row, [⌈columns / 8⌉][16], byte b with code k + b in its low nibble
 *       and code k + b + 4 in its high one;
 *   <li>u8: 32-bit words of 4 consecutive codes, [⌈columns / 4⌉][16];
 *   <li>both then f16 scales [groups][16] and, where asymmetric, u8 zeros [groups][16], padded to 64 bytes.
 * </ul>
 * One block is thus one stretch of memory, which a thread reads from front to back.
 */
public record MatrixLayout(MatrixType type) {
    /** Rows of a block: the lanes of a vector. */
    public static final int BLOCK_ROWS = 16;

    /** The layout's name in a manifest. */
    public String name() {
        return switch (type.element()) {
            case F32 -> "n16.f32";
            case F16 -> "n16.f16";
            case U8 -> "n16k4.u8";
            case U4 -> "n16k8.u4";
        };
    }

    public int blocks() {
        return (type.rows() + BLOCK_ROWS - 1) / BLOCK_ROWS;
    }

    /** Codes in a 32-bit word. */
    public int codesPerWord() {
        return 32 / type.element().bits();
    }

    /** Words that a row's codes take. */
    public int words() {
        return (type.columns() + codesPerWord() - 1) / codesPerWord();
    }

    /** Where a block's scales begin. */
    public long scalesOffset() {
        return words() * 4L * BLOCK_ROWS;
    }

    /** Where a block's zeros begin, if it has any. */
    public long zerosOffset() {
        return scalesOffset() + type.groups() * 2L * BLOCK_ROWS;
    }

    public long blockBytes() {
        if (!type.element().quantized()) {
            return type.columns() * (type.element().bits() / 8L) * BLOCK_ROWS;
        }
        long end = zerosOffset() + (type.symmetric() ? 0 : (long) type.groups() * BLOCK_ROWS);
        return (end + 63) / 64 * 64;
    }

    public long bytes() {
        return blocks() * blockBytes();
    }
}
