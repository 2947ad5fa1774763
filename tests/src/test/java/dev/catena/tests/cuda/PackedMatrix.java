package dev.catena.tests.cuda;

import dev.catena.codegen.Float16;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.QuantizedRowSource;
import dev.catena.codegen.RowSource;
import dev.catena.codegen.TablePacker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Random;

/**
 * A random matrix: its elements as its storage means them, and its bytes as the packers make them.
 *
 * @param elements [rows][columns]
 */
record PackedMatrix(MatrixType type, double[][] elements, byte[] linear, byte[] table) {
  static PackedMatrix random(MatrixType type, Random random) throws IOException {
    ByteArrayOutputStream linear = new ByteArrayOutputStream();
    ByteArrayOutputStream table = new ByteArrayOutputStream();
    double[][] elements = new double[type.rows()][type.columns()];
    if (type.element().quantized()) {
      RandomCodes codes = RandomCodes.of(type, random);
      for (int r = 0; r < type.rows(); r++) {
        for (int c = 0; c < type.columns(); c++) {
          elements[r][c] = codes.element(r, c);
        }
      }
      LinearPacker.pack(codes, Channels.newChannel(linear));
      TablePacker.pack(codes, Channels.newChannel(table));
    } else {
      RandomFloats floats = RandomFloats.of(type, random);
      for (int r = 0; r < type.rows(); r++) {
        for (int c = 0; c < type.columns(); c++) {
          elements[r][c] = floats.values[r * type.columns() + c];
        }
      }
      LinearPacker.pack(type, floats, Channels.newChannel(linear));
      TablePacker.pack(type, floats, Channels.newChannel(table));
    }
    return new PackedMatrix(type, elements, linear.toByteArray(), table.toByteArray());
  }

  private record RandomFloats(int rows, int columns, float[] values) implements RowSource {
    static RandomFloats of(MatrixType type, Random random) {
      float[] values = new float[type.rows() * type.columns()];
      for (int i = 0; i < values.length; i++) {
        float value = (float) random.nextGaussian();
        values[i] = type.element() == MatrixType.Element.F16 ? Float16.valueOf(Float16.bitsOf(value)) : value;
      }
      return new RandomFloats(type.rows(), type.columns(), values);
    }

    @Override
    public void read(int firstRow, int rowCount, float[] destination) {
      System.arraycopy(values, firstRow * columns, destination, 0, rowCount * columns);
    }
  }

  private record RandomCodes(MatrixType type, byte[] codes, float[] scales, byte[] zeros) implements QuantizedRowSource {
    static RandomCodes of(MatrixType type, Random random) {
      RandomCodes all = new RandomCodes(type, new byte[type.rows() * type.columns()],
          new float[type.rows() * type.groups()], new byte[type.rows() * type.groups()]);
      for (int i = 0; i < all.codes.length; i++) {
        all.codes[i] = (byte) random.nextInt(1 << type.element().bits());
      }
      for (int i = 0; i < all.scales.length; i++) {
        float scale = (float) random.nextGaussian() * 0.1f;
        all.scales[i] = type.f32Scales() ? scale : Float16.valueOf(Float16.bitsOf(scale));
        all.zeros[i] = (byte) (type.symmetric() ? type.middleCode() : random.nextInt(1 << type.element().bits()));
      }
      return all;
    }

    double element(int row, int column) {
      int group = row * type.groups() + column / type.group();
      return ((codes[row * type.columns() + column] & 255) - (zeros[group] & 255)) * (double) scales[group];
    }

    @Override
    public void read(int firstRow, int rowCount, byte[] into, float[] intoScales, byte[] intoZeros) {
      System.arraycopy(codes, firstRow * type.columns(), into, 0, rowCount * type.columns());
      System.arraycopy(scales, firstRow * type.groups(), intoScales, 0, rowCount * type.groups());
      if (!type.symmetric()) {
        System.arraycopy(zeros, firstRow * type.groups(), intoZeros, 0, rowCount * type.groups());
      }
    }
  }
}
