package dev.catena.codegen;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/** Writes embedding tables as the look-up kernel reads them ({@link TableLayout}), in bounded memory. */
public final class TablePacker {
    private TablePacker() {}

    /** The layout's name for a manifest. */
    public static String layoutName(MatrixType type) {
        return new TableLayout(type).name();
    }

    /** How many bytes {@code pack} will write. */
    public static long packedBytes(MatrixType type) {
        return new TableLayout(type).bytes();
    }

    /**
     * Packs a table that isn't quantized.
     *
     * @param type of the source's shape, f32 or f16 (numbers are rounded to it)
     */
    public static void pack(MatrixType type, RowSource source, WritableByteChannel out) throws IOException {
        if (type.element().quantized() || source.rows() != type.rows() || source.columns() != type.columns()) {
            throw new IllegalArgumentException("can't pack " + source.rows() + " × " + source.columns() + " as " + type);
        }
        TableLayout layout = new TableLayout(type);
        PackingPipeline.write(type.rows(), type.columns(), (first, count) -> {
            float[] values = new float[count * type.columns()];
            source.read(first, count, values);
            ByteBuffer packed = allocate(layout, count);
            for (float value : values) {
                if (type.element() == MatrixType.Element.F16) {
                    packed.putShort(Float16.bitsOf(value));
                } else {
                    packed.putFloat(value);
                }
            }
            return packed.flip();
        }, out);
    }

    /** Packs a quantized table. */
    public static void pack(QuantizedRowSource source, WritableByteChannel out) throws IOException {
        MatrixType type = source.type();
        TableLayout layout = new TableLayout(type);
        PackingPipeline.write(type.rows(), type.columns(), (first, count) -> {
            byte[] codes = new byte[count * type.columns()];
            float[] scales = new float[count * type.groups()];
            byte[] zeros = new byte[count * type.groups()];
            source.read(first, count, codes, scales, zeros);
            ByteBuffer packed = allocate(layout, count);
            for (int row = 0; row < count; row++) {
                int start = row * layout.rowBytes();
                putCodes(type, codes, row * type.columns(), packed.position(start));
                packed.position(start + layout.scalesOffset());
                for (int group = 0; group < type.groups(); group++) {
                    LinearPacker.putScale(type, scales[row * type.groups() + group], packed);
                }
                if (!type.symmetric()) {
                    packed.put(zeros, row * type.groups(), type.groups());
                }
            }
            return packed.clear();
        }, out);
    }

    private static void putCodes(MatrixType type, byte[] codes, int first, ByteBuffer packed) {
        if (type.element() == MatrixType.Element.U8) {
            packed.put(codes, first, type.columns());
            return;
        }
        int bits = type.element().bits();
        int pending = 0; // a stream of bits, the first code lowest
        int count = 0;
        for (int c = 0; c < type.columns(); c++) {
            pending |= (codes[first + c] & (1 << bits) - 1) << count;
            for (count += bits; count >= 8; count -= 8) {
                packed.put((byte) pending);
                pending >>>= 8;
            }
        }
        if (count > 0) {
            packed.put((byte) pending);
        }
    }

    private static ByteBuffer allocate(TableLayout layout, int rows) {
        return ByteBuffer.allocate(Math.multiplyExact(rows, layout.rowBytes())).order(ByteOrder.LITTLE_ENDIAN);
    }
}
