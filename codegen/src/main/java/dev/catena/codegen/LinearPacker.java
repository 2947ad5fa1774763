package dev.catena.codegen;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.List;

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
        Word[] words = new Word[layout.wordsTogether()];
        for (int word = 0; word < words.length; word++) {
            words[word] = Word.of(layout.fields(word));
        }
        for (int first = 0; first < columns; first += together) {
            for (Word word : words) {
                for (int row = 0; row < ROWS; row++) {
                    packed.putInt(word.of(codes, (block * ROWS + row) * columns + first, columns - first));
                }
            }
        }
    }

    /**
     * A word's fields ({@link MatrixLayout.Field}), four columns at a time, whose codes lie in its four bytes at the same place:
     * {@code (codes of columns 4 · quad … >> from & mask) << to}.
     */
    private record Word(int[] quad, int[] from, int[] mask, int[] to) {
        private static final VarHandle FOUR = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

        static Word of(List<MatrixLayout.Field> fields) {
            List<MatrixLayout.Field> firsts = fields.stream().filter(field -> field.column() % 4 == 0).toList();
            return new Word(firsts.stream().mapToInt(field -> field.column() / 4).toArray(),
                    firsts.stream().mapToInt(MatrixLayout.Field::from).toArray(),
                    firsts.stream().mapToInt(field -> field.mask() * 0x01010101).toArray(),
                    firsts.stream().mapToInt(MatrixLayout.Field::to).toArray());
        }

        /** @param left columns from {@code start} on; codes beyond them are 0 */
        int of(byte[] codes, int start, int left) {
            int word = 0;
            for (int i = 0; i < quad.length; i++) {
                int column = 4 * quad[i];
                int four = column + 4 <= left ? (int) FOUR.get(codes, start + column) : rest(codes, start + column, left - column);
                word |= (four >> from[i] & mask[i]) << to[i];
            }
            return word;
        }

        private static int rest(byte[] codes, int start, int left) {
            int four = 0;
            for (int i = 0; i < left; i++) {
                four |= (codes[start + i] & 0xff) << 8 * i;
            }
            return four;
        }
    }

    private static ByteBuffer allocate(long bytes) {
        return ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    }
}
