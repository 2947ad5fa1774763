package dev.catena.ir;

import java.util.Arrays;

/**
 * A tensor in the heap, row-major: the evaluator's value and the form of small constants. Floats up to f32 are held as
 * {@code float[]} already rounded to their type, f64 as {@code double[]}, integers and booleans as {@code long[]}.
 */
public final class Tensor implements EvalValue {
  private final ElementType element;
  private final long[] shape;
  private final float[] floats;
  private final double[] doubles;
  private final long[] longs;
  private final String[] texts;

  /** A tensor of zeros. */
  public Tensor(ElementType element, long... shape) {
    this.element = element;
    this.shape = shape.clone();
    int n = count(shape);
    boolean wide = element == ElementType.F64;
    floats = element.isFloat() && !wide ? new float[n] : null;
    doubles = wide ? new double[n] : null;
    longs = element.isInteger() || element == ElementType.BOOL ? new long[n] : null;
    texts = element == ElementType.STRING ? new String[n] : null;
  }

  private Tensor(ElementType element, long[] shape, float[] floats, double[] doubles, long[] longs, String[] texts) {
    this.element = element;
    this.shape = shape.clone();
    this.floats = floats;
    this.doubles = doubles;
    this.longs = longs;
    this.texts = texts;
  }

  /** The element count of a shape; more than an array can hold is an error. */
  public static int count(long... shape) {
    long n = 1;
    for (long d : shape) {
      if (d < 0) {
        throw new IrException("negative dimension in " + Arrays.toString(shape));
      }
      try {
        n = Math.multiplyExact(n, d);
      } catch (ArithmeticException e) {
        throw new IrException("too many elements: " + Arrays.toString(shape), e);
      }
    }
    if (n > Integer.MAX_VALUE - 8) {
      throw new IrException("too many elements for the evaluator: " + Arrays.toString(shape));
    }
    return (int) n;
  }

  /** Wraps {@code values}, which must be representable in {@code element}. */
  public static Tensor ofFloats(ElementType element, float[] values, long... shape) {
    require(values.length, shape);
    return new Tensor(element, shape, values, null, null, null);
  }

  public static Tensor f32(float[] values, long... shape) {
    return ofFloats(ElementType.F32, values, shape);
  }

  public static Tensor ofLongs(ElementType element, long[] values, long... shape) {
    require(values.length, shape);
    return new Tensor(element, shape, null, null, values, null);
  }

  public static Tensor i64(long[] values, long... shape) {
    return ofLongs(ElementType.I64, values, shape);
  }

  public static Tensor ofTexts(String[] values, long... shape) {
    require(values.length, shape);
    return new Tensor(ElementType.STRING, shape, null, null, null, values);
  }

  private static void require(int length, long[] shape) {
    if (length != count(shape)) {
      throw new IrException(length + " elements given for shape " + Arrays.toString(shape));
    }
  }

  public ElementType element() {
    return element;
  }

  public long[] shape() {
    return shape.clone();
  }

  public int rank() {
    return shape.length;
  }

  public long dim(int axis) {
    return shape[axis < 0 ? axis + shape.length : axis];
  }

  public int size() {
    return floats != null ? floats.length : doubles != null ? doubles.length : longs != null ? longs.length : texts.length;
  }

  public TensorType type() {
    return TensorType.of(element, shape);
  }

  public double get(int index) {
    return floats != null ? floats[index] : doubles != null ? doubles[index] : real(longs[index]);
  }

  /** An integer as a real; of unsigned 64-bit ones the pattern's sign bit counts up. */
  private double real(long integer) {
    return element == ElementType.U64 && integer < 0 ? (integer >>> 1 | integer & 1) * 2.0 : integer;
  }

  public long getLong(int index) {
    return longs != null ? longs[index] : (long) get(index);
  }

  public String getText(int index) {
    return texts[index];
  }

  /** Stores {@code value}, rounded to the element type, infinite where that is too narrow; integers wrap to their width. */
  public void set(int index, double value) {
    if (doubles != null) {
      doubles[index] = value;
    } else if (floats != null) {
      floats[index] = element == ElementType.F32 ? (float) value
          : NarrowFloat.round(value, element, false, NarrowFloat.RoundMode.UP);
    } else {
      setLong(index, element == ElementType.U64 && value >= 0x1p63 ? (long) (value - 0x1p63) + Long.MIN_VALUE : (long) value);
    }
  }

  public void setLong(int index, long value) {
    if (longs == null) {
      set(index, value);
    } else {
      longs[index] = wrap(element, value);
    }
  }

  private static long wrap(ElementType e, long v) {
    return switch (e) {
      case I32 -> (int) v;
      case I16 -> (short) v;
      case I8 -> (byte) v;
      case U32 -> v & 0xffffffffL;
      case U16 -> v & 0xffff;
      case U8 -> v & 0xff;
      case U4 -> v & 15;
      case U3 -> v & 7;
      case U2 -> v & 3;
      case I4 -> (v << 60) >> 60;
      case I2 -> (v << 62) >> 62;
      case BOOL -> v != 0 ? 1 : 0;
      default -> v;
    };
  }

  /** Copies element {@code from} of {@code source}, which has the same element type. */
  public void copy(int to, Tensor source, int from) {
    if (floats != null) {
      floats[to] = source.floats[from];
    } else if (doubles != null) {
      doubles[to] = source.doubles[from];
    } else if (longs != null) {
      longs[to] = source.longs[from];
    } else {
      texts[to] = source.texts[from];
    }
  }

  /** The elements as f32: the array itself where that is how they are held. */
  public float[] floats() {
    if (floats != null) {
      return floats;
    }
    float[] f = new float[size()];
    for (int i = 0; i < f.length; i++) {
      f[i] = (float) get(i);
    }
    return f;
  }

  public long[] longs() {
    if (longs != null) {
      return longs;
    }
    long[] l = new long[size()];
    for (int i = 0; i < l.length; i++) {
      l[i] = (long) get(i);
    }
    return l;
  }

  /** The same elements under another shape of equal size. */
  public Tensor reshaped(long... other) {
    require(size(), other);
    return new Tensor(element, other, floats, doubles, longs, texts);
  }

  /** The elements converted as ONNX Cast does (floats to integers truncate). */
  public Tensor cast(ElementType to) {
    if (to == element) {
      return this;
    }
    Tensor t = new Tensor(to, shape);
    for (int i = 0; i < size(); i++) {
      if (to == ElementType.BOOL) {
        t.longs[i] = get(i) != 0 ? 1 : 0;
      } else if (longs != null && t.longs != null) {
        t.setLong(i, longs[i]);
      } else {
        t.set(i, to.isNarrowFloat() ? NarrowFloat.round(get(i), to) : get(i));
      }
    }
    return t;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Tensor t && element == t.element && Arrays.equals(shape, t.shape)
        && Arrays.equals(floats, t.floats) && Arrays.equals(doubles, t.doubles) && Arrays.equals(longs, t.longs)
        && Arrays.equals(texts, t.texts);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(shape) + Arrays.hashCode(floats) + Arrays.hashCode(doubles) + Arrays.hashCode(longs);
  }

  @Override
  public String toString() {
    return Printer.dense(this);
  }
}
