package dev.catena.codegen.tensor.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.WeightData;
import java.util.stream.LongStream;

/** The sums of a constant matrix's columns. */
final class ColumnSums {
    /** That the heap holds at a time. */
    private static final int ELEMENTS_AT_ONCE = 1 << 18;

    private ColumnSums() {}

    /** Of a matrix of integers {@code [rows, columns]}, modulo 2^32: i32 {@code [columns]}. Read a few rows at a time. */
    static Tensor of(WeightData matrix) {
        long[] shape = matrix.tensorType().staticShape();
        int columns = Math.toIntExact(shape[1]);
        int rowsAtOnce = (int) Math.max(1, Math.min(shape[0], ELEMENTS_AT_ONCE / Math.max(1, columns)));
        float[] rows = new float[Math.multiplyExact(rowsAtOnce, columns)];
        long[] sums = new long[columns];
        for (long row = 0; row < shape[0]; row += rowsAtOnce) {
            int taken = (int) Math.min(rowsAtOnce, shape[0] - row);
            matrix.read(new long[] {row, 0}, new long[] {taken, columns}, rows, 0);
            for (int i = 0; i < taken * columns; i++) {
                sums[i % columns] += (long) rows[i];
            }
        }
        return Tensor.ofLongs(ElementType.I32, LongStream.of(sums).map(sum -> (int) sum).toArray(), columns);
    }
}
