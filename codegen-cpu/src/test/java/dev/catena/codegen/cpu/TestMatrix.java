package dev.catena.codegen.cpu;

import dev.catena.codegen.Float16;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.QuantizedRowSource;
import dev.catena.codegen.RowSource;
import dev.catena.codegen.TablePacker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.Random;

/** A random matrix of some type: its exact elements, and its packed bytes as the product's packers make them. */
record TestMatrix(MatrixType type, double[] elements, byte[] linear, byte[] table) {
    static TestMatrix random(MatrixType type, Random random) throws IOException {
        return type.element().quantized() ? quantized(type, random) : plain(type, random);
    }

    double element(int row, int column) {
        return elements[row * type.columns() + column];
    }

    private static TestMatrix plain(MatrixType type, Random random) throws IOException {
        float[] values = new float[type.rows() * type.columns()];
        double[] exact = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
            exact[i] = type.element() == MatrixType.Element.F16 ? Float16.valueOf(Float16.bitsOf(values[i])) : values[i];
        }
        RowSource source = new RowSource() {
            @Override
            public int rows() {
                return type.rows();
            }

            @Override
            public int columns() {
                return type.columns();
            }

            @Override
            public void read(int firstRow, int rowCount, float[] destination) {
                System.arraycopy(values, firstRow * type.columns(), destination, 0, rowCount * type.columns());
            }
        };
        return new TestMatrix(type, exact, bytes(out -> LinearPacker.pack(type, source, out)),
                bytes(out -> TablePacker.pack(type, source, out)));
    }

    private static TestMatrix quantized(MatrixType type, Random random) throws IOException {
        byte[] codes = new byte[type.rows() * type.columns()];
        float[] scales = new float[type.rows() * type.groups()];
        byte[] zeros = new byte[scales.length];
        for (int i = 0; i < scales.length; i++) {
            float scale = (float) random.nextGaussian() * 0.1f; // negative ones too
            scales[i] = type.f32Scales() ? scale : Float16.valueOf(Float16.bitsOf(scale));
            zeros[i] = (byte) (type.symmetric() ? type.middleCode() : random.nextInt(1 << type.element().bits()));
        }
        double[] exact = new double[codes.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) random.nextInt(1 << type.element().bits());
            int group = i / type.columns() * type.groups() + i % type.columns() / type.group();
            exact[i] = ((codes[i] & 255) - (zeros[group] & 255)) * (double) scales[group];
        }
        QuantizedRowSource source = new QuantizedRowSource() {
            @Override
            public MatrixType type() {
                return type;
            }

            @Override
            public void read(int firstRow, int rowCount, byte[] someCodes, float[] someScales, byte[] someZeros) {
                System.arraycopy(codes, firstRow * type.columns(), someCodes, 0, rowCount * type.columns());
                System.arraycopy(scales, firstRow * type.groups(), someScales, 0, rowCount * type.groups());
                if (!type.symmetric()) {
                    System.arraycopy(zeros, firstRow * type.groups(), someZeros, 0, rowCount * type.groups());
                }
            }
        };
        return new TestMatrix(type, exact, bytes(out -> LinearPacker.pack(source, out)),
                bytes(out -> TablePacker.pack(source, out)));
    }

    private interface Packing {
        void to(WritableByteChannel out) throws IOException;
    }

    private static byte[] bytes(Packing packing) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        packing.to(Channels.newChannel(bytes));
        return bytes.toByteArray();
    }
}
