package dev.catena.tools;

import dev.catena.codegen.Float16;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.QuantizedRowSource;
import dev.catena.codegen.RowSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Random operands of a case that is tuned, and what it has to make of them, by the definition and in double. Always the same for
 * the same case. The matrix has {@value #MOST_BLOCKS} different blocks of rows at most, which follow each other again and again:
 * to make and multiply half a thousand million elements here would take the time that is there for measuring.
 */
final class LinearReference {
  /** Rows of x that are judged; the first and the last are among them. */
  private static final int MOST_JUDGED_ROWS = 4;
  private static final float SCALE = 0.05f;
  /** A prime number of random elements is repeated in a block. */
  private static final int DIFFERENT = 1_000_003;
  /** A prime number, so that no layer's halves or thirds begin alike. */
  private static final int MOST_BLOCKS = 251;

  private final TunePack.Case of;
  /** Of the rows that differ. */
  private final MatrixType type;
  private final Random random = new Random(17);
  /** [outputs][inputs] codes of quantized matrices, else null. */
  private final byte[] codes;
  private final float[] scales;
  private final byte[] zeros;
  private final float[] floats;
  final float[] x;
  final float[] norm;
  final float[] bias;
  final float[] residual;

  LinearReference(TunePack.Case of) {
    this.of = of;
    type = of.matrix().firstOutputs(MatrixLayout.BLOCK_ROWS * MOST_BLOCKS);
    int elements = Math.multiplyExact(type.rows(), type.columns());
    boolean quantized = type.element().quantized();
    codes = quantized ? new byte[elements] : null;
    scales = quantized ? new float[type.rows() * type.groups()] : null;
    zeros = quantized ? new byte[scales.length] : null;
    floats = quantized ? null : new float[elements];
    if (quantized) {
      byte[] some = new byte[Math.min(elements, DIFFERENT)];
      random.nextBytes(some);
      int mask = (1 << type.element().bits()) - 1;
      for (int i = 0; i < some.length; i++) {
        some[i] &= (byte) mask;
      }
      for (int i = 0; i < elements; i += some.length) {
        System.arraycopy(some, 0, codes, i, Math.min(some.length, elements - i));
      }
      for (int i = 0; i < scales.length; i++) {
        float scale = (0.5f + random.nextFloat()) * SCALE;
        scales[i] = type.f32Scales() ? scale : Float16.valueOf(Float16.bitsOf(scale));
        zeros[i] = (byte) (type.symmetric() ? type.middleCode() : type.middleCode() + random.nextInt(3) - 1);
      }
    } else {
      float[] some = new float[Math.min(elements, DIFFERENT)];
      for (int i = 0; i < some.length; i++) {
        float value = (random.nextFloat() - 0.5f) * SCALE;
        some[i] = type.element() == MatrixType.Element.F16 ? Float16.valueOf(Float16.bitsOf(value)) : value;
      }
      for (int i = 0; i < elements; i += some.length) {
        System.arraycopy(some, 0, floats, i, Math.min(some.length, elements - i));
      }
    }
    x = numbers(of.rows() * type.columns(), 0, 1);
    norm = numbers(type.columns(), 1, 0.25f);
    bias = numbers(of.matrix().outputs(), 0, 1);
    residual = numbers(of.rows() * of.matrix().outputs(), 0, 1);
  }

  private float[] numbers(int count, float center, float bound) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = center + (2 * random.nextFloat() - 1) * bound;
    }
    return numbers;
  }

  /** The blocks that differ, as kernels read them; the whole matrix repeats them, and its last time may be cut short. */
  byte[] packedBlocks() {
    ByteArrayOutputStream packed = new ByteArrayOutputStream(Math.toIntExact(LinearPacker.packedBytes(type)));
    try {
      if (codes != null) {
        LinearPacker.pack(new Codes(), Channels.newChannel(packed));
      } else {
        LinearPacker.pack(type, new Floats(), Channels.newChannel(packed));
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);   // it goes to memory
    }
    return packed.toByteArray();
  }

  private final class Codes implements QuantizedRowSource {
    @Override
    public MatrixType type() {
      return type;
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

  private final class Floats implements RowSource {
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
      System.arraycopy(floats, firstRow * type.columns(), destination, 0, rowCount * type.columns());
    }
  }

  /** The judged rows of the expected output. */
  int[] judgedRows() {
    int count = Math.min(of.rows(), MOST_JUDGED_ROWS);
    return IntStream.range(0, count).map(i -> count == 1 ? 0 : (int) ((long) i * (of.rows() - 1) / (count - 1))).toArray();
  }

  /** What a row of x becomes: [{@link TunePack.Case#width}]. */
  double[] expected(int row) {
    int columns = type.columns();
    double[] input = new double[columns];
    double squares = 0;
    for (int k = 0; k < columns; k++) {
      input[k] = x[row * columns + k];
      squares += input[k] * input[k];
    }
    if (of.normEpsilon() != null) {
      double factor = 1 / Math.sqrt(squares / columns + of.normEpsilon());
      for (int k = 0; k < columns; k++) {
        input[k] *= factor * norm[k];
      }
    }
    int outputs = of.matrix().outputs();
    double[] products = IntStream.range(0, type.rows()).parallel().mapToDouble(n -> product(n, input)).toArray();
    double[] sums = IntStream.range(0, outputs).mapToDouble(n -> products[n % products.length]
        + (of.bias() ? bias[n] : 0) + (of.residualAt() >= 0 ? residual[row * outputs + n] : 0)).toArray();
    if (!of.swiglu()) {
      return sums;
    }
    int half = outputs / 2;
    return IntStream.range(0, half).mapToDouble(n -> sums[n] / (1 + Math.exp(-sums[n])) * sums[half + n]).toArray();
  }

  private double product(int output, double[] input) {
    double sum = 0;
    int start = output * type.columns();
    for (int k = 0; k < input.length; k++) {
      if (codes == null) {
        sum += input[k] * floats[start + k];
      } else {
        int group = output * type.groups() + k / type.group();
        sum += input[k] * ((codes[start + k] & 255) - (zeros[group] & 255)) * scales[group];
      }
    }
    return sum;
  }
}
