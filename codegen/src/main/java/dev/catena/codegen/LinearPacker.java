package dev.catena.codegen;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/**
 * Writes matrices in the order that the linear kernels read them ({@link MatrixLayout}), piece by piece, on all cores, in
 * some 50 MB whatever the matrix's size.
 */
public final class LinearPacker {
    private static final int ROWS = MatrixLayout.BLOCK_ROWS;

    private LinearPacker() {}

    /** The layout's name for a manifest. */
    public static String layoutName(MatrixType type) {
        return new MatrixLayout(type).name();
    }

    /** How many bytes {@code pack} will write. */
    public static long packedBytes(MatrixType type) {
        return new MatrixLayout(type).bytes();
    }

    /**
     * Packs a matrix that isn't quantized.
     *
     * @param type of the source's shape, f32 or f16 (numbers are rounded to it)
     */
    public static void pack(MatrixType type, RowSource source, WritableByteChannel out) throws IOException {
        if (type.element().quantized() || source.rows() != type.rows() || source.columns() != type.columns()) {
            throw new IllegalArgumentException("can't pack " + source.rows() + " × " + source.columns() + " as " + type);
        }
        MatrixLayout layout = new MatrixLayout(type);
        PackingPipeline.write(layout.blocks(), (long) ROWS * type.columns(),
                (first, count) -> packBlocks(layout, source, first, count), out);
    }

    /** Packs a quantized matrix. */
    public static void pack(QuantizedRowSource source, WritableByteChannel out) throws IOException {
        MatrixLayout layout = new MatrixLayout(source.type());
        PackingPipeline.write(layout.blocks(), (long) ROWS * source.type().columns(),
                (first, count) -> packBlocks(layout, source, first, count), out);
    }

    private static ByteBuffer packBlocks(MatrixLayout layout, RowSource source, int first, int count) throws IOException {
        MatrixType type = layout.type();
        int columns = type.columns();
        int firstRow = first * ROWS;
        int rows = Math.min(count * ROWS, type.rows() - firstRow);
        float[] values = new float[count * ROWS * columns]; // rows beyond the last stay 0
        source.read(firstRow, rows, values);
        ByteBuffer packed = allocate(layout.blockBytes() * count);
        boolean f16 = type.element() == MatrixType.Element.F16;
        for (int block = 0; block < count; block++) {
            for (int k = 0; k < columns; k++) {
                for (int row = 0; row < ROWS; row++) {
                    float value = values[(block * ROWS + row) * columns + k];
                    if (f16) {
                        packed.putShort(Float16.bitsOf(value));
                    } else {
                        packed.putFloat(value);
                    }
                }
            }
        }
        return packed.flip();
    }

    private static ByteBuffer packBlocks(MatrixLayout layout, QuantizedRowSource source, int first, int count)
            throws IOException {
        MatrixType type = layout.type();
        int firstRow = first * ROWS;
        int rows = Math.min(count * ROWS, type.rows() - firstRow);
        int groups = type.groups();
        byte[] codes = new byte[count * ROWS * type.columns()];
        float[] scales = new float[count * ROWS * groups]; // 0 beyond the last row: padding must not be NaN
        byte[] zeros = new byte[count * ROWS * groups];
        source.read(firstRow, rows, codes, scales, zeros);
        ByteBuffer packed = allocate(layout.blockBytes() * count);
        for (int block = 0; block < count; block++) {
            packed.position((int) (block * layout.blockBytes()));
            putCodes(layout, codes, block, packed);
            for (int group = 0; group < groups; group++) {
                for (int row = 0; row < ROWS; row++) {
                    putScale(type, scales[(block * ROWS + row) * groups + group], packed);
                }
            }
            for (int group = 0; group < groups && !type.symmetric(); group++) {
                for (int row = 0; row < ROWS; row++) {
                    packed.put(zeros[(block * ROWS + row) * groups + group]);
                }
            }
        }
        return packed.clear();
    }

    static void putScale(MatrixType type, float scale, ByteBuffer packed) {
        if (type.f32Scales()) {
            packed.putFloat(scale);
        } else {
            packed.putShort(Float16.bitsOf(scale));
        }
    }

    private static void putCodes(MatrixLayout layout, byte[] codes, int block, ByteBuffer packed) {
        int columns = layout.type().columns();
        int together = layout.codesTogether();
        MatrixLayout.Field[][] words = new MatrixLayout.Field[layout.wordsTogether()][];
        for (int word = 0; word < words.length; word++) {
            words[word] = layout.fields(word).toArray(MatrixLayout.Field[]::new);
        }
        for (int first = 0; first < columns; first += together) {
            for (MatrixLayout.Field[] fields : words) {
                for (int row = 0; row < ROWS; row++) {
                    packed.putInt(wordOf(codes, (block * ROWS + row) * columns + first, columns - first, fields));
                }
            }
        }
    }

    private static int wordOf(byte[] codes, int start, int left, MatrixLayout.Field[] fields) {
        int word = 0;
        for (MatrixLayout.Field f : fields) {
            if (f.column() < left) {
                word |= (codes[start + f.column()] >> f.from() & f.mask()) << f.to();
            }
        }
        return word;
    }

    private static ByteBuffer allocate(long bytes) {
        return ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    }
}
