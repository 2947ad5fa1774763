package dev.catena.codegen;

import java.util.ArrayList;
import java.util.List;

/**
 * How all targets store the matrix of a linear layer: blocks of 16 rows, one after the other, the last one padded
 * with zeros. A block holds
 * <ul>
 *   <li>f32, f16: the elements, [columns][16];
 *   <li>u4: 32-bit words of 8 consecutive codes of a row, [⌈columns / 8⌉][16], byte b with code k + b in its low nibble
 *       and code k + b + 4 in its high one;
 *   <li>u8: 32-bit words of 4 consecutive codes, [⌈columns / 4⌉][16];
 *   <li>u2: words of 16 consecutive codes, [⌈columns / 16⌉][16], byte b with codes k + b + 4i at bit 2i;
 *   <li>u3: 32 consecutive codes in three words, [⌈columns / 32⌉][3][16]: the low two bits in two words like those of u2,
 *       then a word with the high bits, byte b with that of code k + b + 4i at bit i;
 *   <li>all four then scales [groups][16], f16 or f32 as the type says, and, where asymmetric, u8 zeros [groups][16], padded to 64 bytes.
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
            case U8 -> "n16k4.u8" + scales();
            case U4 -> "n16k8.u4" + scales();
            case U3 -> "n16k32.u3" + scales();
            case U2 -> "n16k16.u2" + scales();
        };
    }

    private String scales() {
        return type.f32Scales() ? ".s32" : "";
    }

    public int blocks() {
        return (type.rows() + BLOCK_ROWS - 1) / BLOCK_ROWS;
    }

    /** Consecutive codes that lie together in {@link #wordsTogether} words. */
    public int codesTogether() {
        return type.element() == MatrixType.Element.U3 ? 32 : 32 / type.element().bits();
    }

    /** 32-bit words that hold {@link #codesTogether} codes of a row. */
    public int wordsTogether() {
        return type.element() == MatrixType.Element.U3 ? 3 : 1;
    }

    /** Words that a row's codes take. */
    public int words() {
        return (type.columns() + codesTogether() - 1) / codesTogether() * wordsTogether();
    }

    /** Bits of a code in a word: {@code (code of column `column` >> from & mask) << to}. */
    public record Field(int column, int from, int mask, int to) {}

    /** What word {@code word} of {@link #wordsTogether} holds. */
    public List<Field> fields(int word) {
        List<Field> fields = new ArrayList<>();
        boolean planes = type.element() == MatrixType.Element.U3;
        int bits = planes ? 2 : type.element().bits();
        for (int column = 0; column < codesTogether(); column++) {
            int inByte = 8 * (column & 3);
            int step = column >> 2; // which of the byte's codes
            if (planes && word == 2) {
                fields.add(new Field(column, 2, 1, inByte + step));
            } else if (!planes || step >> 2 == word) {
                fields.add(new Field(column, 0, (1 << bits) - 1, inByte + bits * (planes ? step & 3 : step)));
            }
        }
        return fields;
    }

    /** Where a block's scales begin. */
    public long scalesOffset() {
        return words() * 4L * BLOCK_ROWS;
    }

    /** Where a block's zeros begin, if it has any; of a quantized matrix. */
    public long zerosOffset() {
        return scalesOffset() + type.groups() * (type.scale().bits() / 8L) * BLOCK_ROWS;
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
