package dev.catena.codegen;

/**
 * A weight matrix [rows, columns] and how its elements are stored. A quantized element is (code − zero) · scale, with
 * one scale, and where it is asymmetric one zero, for each row and each {@code group} consecutive columns.
 *
 * @param rows output features (or table entries)
 * @param columns input features (or the table's width)
 * @param group columns that share a scale, a multiple of 8 (of 32 below 4 bits) or all of them; 0 if not quantized. The last group of a row may be shorter
 * @param symmetric the zero is the middle code (128, 8, 4 or 2) everywhere and is not stored
 * @param scale of quantized elements: F16, or F32 where a matrix came with such; null if not quantized
 */
public record MatrixType(int rows, int columns, Element element, int group, boolean symmetric, Element scale) {
    /** The stored elements. */
    public enum Element {
        F32(32), F16(16), U8(8), U4(4), U3(3), U2(2);

        private final int bits;

        Element(int bits) {
            this.bits = bits;
        }

        public int bits() {
            return bits;
        }

        public boolean quantized() {
            return bits <= 8;
        }
    }

    public MatrixType {
        if (rows < 1 || columns < 1) {
            throw new IllegalArgumentException("matrix of " + rows + " × " + columns);
        }
        if (element.quantized() ? group < 1 || group > columns || (group % (element.bits() < 4 ? 32 : 8) != 0 && group != columns) : group != 0) {
            throw new IllegalArgumentException("group " + group + " of " + element + " rows of " + columns
                    + ": must be a multiple of " + (element.bits() < 4 ? 32 : 8) + " or the whole row");
        }
        if (element.quantized() ? scale != Element.F16 && scale != Element.F32 : scale != null) {
            throw new IllegalArgumentException("scales of " + element + " stored as " + scale);
        }
    }

    public static MatrixType f32(int rows, int columns) {
        return new MatrixType(rows, columns, Element.F32, 0, false, null);
    }

    public static MatrixType f16(int rows, int columns) {
        return new MatrixType(rows, columns, Element.F16, 0, false, null);
    }

    /** Quantized in groups of {@code group} columns, or of whole rows where those are shorter, with f16 scales. */
    public static MatrixType quantized(int rows, int columns, int bits, int group, boolean symmetric) {
        Element element = switch (bits) {
            case 8 -> Element.U8;
            case 4 -> Element.U4;
            case 3 -> Element.U3;
            case 2 -> Element.U2;
            default -> throw new IllegalArgumentException("no storage of " + bits + " bits");
        };
        return new MatrixType(rows, columns, element, Math.min(group, columns), symmetric, Element.F16);
    }

    /** The same matrix with f32 scales. */
    public MatrixType withF32Scales() {
        return new MatrixType(rows, columns, element, group, symmetric, Element.F32);
    }

    /** A matrix with another number of rows, stored alike. */
    public MatrixType withRows(int count) {
        return new MatrixType(count, columns, element, group, symmetric, scale);
    }

    /** Whether the scales are f32; false if not quantized. */
    public boolean f32Scales() {
        return scale == Element.F32;
    }

    /** What distinguishes the storage beyond the element, for names of kernels: group, zeros and scales; empty if not quantized. */
    public String storageSuffix() {
        return element.quantized() ? "_g" + group + (symmetric ? "_symmetric" : "") + (f32Scales() ? "_f32_scales" : "") : "";
    }

    /** Groups in a row; 0 if not quantized. */
    public int groups() {
        return group == 0 ? 0 : (columns + group - 1) / group;
    }

    /** The zero of a symmetric matrix. */
    public int middleCode() {
        return 1 << (element.bits() - 1);
    }
}
