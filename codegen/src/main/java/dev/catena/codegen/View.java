package dev.catena.codegen;

/**
 * f32 rows within a buffer; several views may share one, as q, k and v share the output of a merged projection.
 *
 * @param byteOffset of the first element from the buffer's start
 * @param rowStride floats from one row to the next; 0 repeats one row
 * @param columns floats of a row
 */
public record View(Buffer buffer, long byteOffset, int rowStride, int columns) {
    public View {
        if (byteOffset < 0 || byteOffset % 4 != 0 || rowStride < 0 || columns < 1) {
            throw new IllegalArgumentException(
                    "view at " + byteOffset + ", stride " + rowStride + ", " + columns + " columns");
        }
    }

    /** All of a buffer whose rows have {@code columns} floats and no gaps. */
    public static View of(Buffer buffer, int columns) {
        return new View(buffer, 0, columns, columns);
    }

    /** Columns {@code first … first + count − 1} of this view. */
    public View slice(int first, int count) {
        if (first < 0 || first + count > columns) {
            throw new IllegalArgumentException("columns " + first + " + " + count + " of " + columns);
        }
        return new View(buffer, byteOffset + 4L * first, rowStride, count);
    }
}
