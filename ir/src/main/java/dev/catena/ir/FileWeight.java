package dev.catena.ir;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;

/** A dense little-endian tensor at a place in a mapped file. */
public final class FileWeight implements WeightData {
  private static final int PIECE = 1 << 12;

  private final MappedFile file;
  private final long offset;
  private final TensorType type;
  private final long[] shape;
  private volatile String hash;

  /** The range must lie in the file; the element count is checked against it. */
  public FileWeight(MappedFile file, long offset, TensorType type) {
    this.file = file;
    this.offset = offset;
    this.type = type;
    this.shape = type.staticShape();
    long bytes = bytes();
    if (offset < 0 || bytes > file.size() - offset) {
      throw new IrException(file.name() + ": a tensor of " + bytes + " bytes at " + offset
          + " lies outside the file of " + file.size() + " bytes");
    }
  }

  public MappedFile file() {
    return file;
  }

  public long offset() {
    return offset;
  }

  public long bytes() {
    long n = 1;
    for (long d : shape) {
      n = Math.multiplyExact(n, d);
    }
    return type.element().bytes(n);
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    int rank = shape.length;
    if (rank == 0) {
      decode(0, 1, into, at);
      return;
    }
    // Trailing axes that are taken whole make one run.
    int axis = rank - 1;
    long run = extent[axis];
    while (axis > 0 && extent[axis] == shape[axis]) {
      axis--;
      run = Math.multiplyExact(run, extent[axis]);
    }
    long[] index = start.clone();
    int position = at;
    while (true) {
      long linear = 0;
      for (int i = 0; i < rank; i++) {
        linear = linear * shape[i] + index[i];
      }
      decode(linear, Math.toIntExact(run), into, position);
      position += (int) run;
      int a = axis - 1;
      while (a >= 0 && ++index[a] == start[a] + extent[a]) {
        index[a] = start[a];
        a--;
      }
      if (a < 0) {
        return;
      }
    }
  }

  private void decode(long first, int count, float[] into, int at) {
    ElementType e = type.element();
    if (e == ElementType.I4 || e == ElementType.U4) {
      nibbles(first, count, into, at);
      return;
    }
    if (e.bits() < 8) {
      throw new IrException("packed " + e.keyword() + " can't be read as a dense tensor");
    }
    int width = e.bits() / 8;
    ByteBuffer b = file.bytes(offset + first * width, Math.multiplyExact(count, width));
    switch (e) {
      case F32 -> b.asFloatBuffer().get(into, at, count);
      case F16 -> {
        short[] halves = new short[Math.min(count, PIECE)];   // a copy is faster than a look at each place of the buffer
        ShortBuffer from = b.asShortBuffer();
        for (int done = 0; done < count; done += halves.length) {
          int n = Math.min(count - done, halves.length);
          from.get(halves, 0, n);
          for (int i = 0; i < n; i++) {
            into[at + done + i] = HalfFloat.f16ToFloat(halves[i]);
          }
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          into[at + i] = HalfFloat.bf16ToFloat(b.getShort(2 * i));
        }
      }
      case F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0 -> {
        for (int i = 0; i < count; i++) {
          into[at + i] = NarrowFloat.decode(b.get(i) & 0xff, e);
        }
      }
      case F64 -> {
        for (int i = 0; i < count; i++) {
          into[at + i] = (float) b.getDouble(8 * i);
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          into[at + i] = integer(b, e, i);
        }
      }
    }
  }

  /** Two in a byte, the first in its low half. */
  private void nibbles(long first, int count, float[] into, int at) {
    ByteBuffer b = file.bytes(offset + first / 2, Math.toIntExact((first + count + 1) / 2 - first / 2));
    for (int i = 0; i < count; i++) {
      long n = first % 2 + i;
      int bits = b.get((int) (n / 2)) >> n % 2 * 4 & 15;
      into[at + i] = type.element() == ElementType.I4 ? bits << 28 >> 28 : bits;
    }
  }

  private static long integer(ByteBuffer b, ElementType e, int i) {
    return switch (e) {
      case I64, U64 -> b.getLong(8 * i);
      case I32 -> b.getInt(4 * i);
      case U32 -> b.getInt(4 * i) & 0xffffffffL;
      case I16 -> b.getShort(2 * i);
      case U16 -> b.getShort(2 * i) & 0xffff;
      case I8 -> b.get(i);
      case U8 -> b.get(i) & 0xff;
      case BOOL -> b.get(i) != 0 ? 1 : 0;
      default -> throw new IrException("elements of type " + e.keyword() + " can't be read");
    };
  }

  @Override
  public Tensor tensor() {
    Tensor whole = new Tensor(type.element(), shape);
    int n = whole.size();
    if (type.element().isFloat() && type.element() != ElementType.F64) {
      decode(0, n, whole.floats(), 0);
      return whole;
    }
    if (type.element().bits() < 8) {
      float[] values = new float[n];
      decode(0, n, values, 0);
      for (int i = 0; i < n; i++) {
        whole.setLong(i, (long) values[i]);
      }
      return whole;
    }
    ByteBuffer b = file.bytes(offset, Math.toIntExact(bytes()));
    for (int i = 0; i < n; i++) {
      if (type.element() == ElementType.F64) {
        whole.set(i, b.getDouble(8 * i));
      } else {
        whole.setLong(i, integer(b, type.element(), i));
      }
    }
    return whole;
  }

  @Override
  public String hash() {
    if (hash == null) {
      hash = Hashes.of("dense", type.text(), file.sha256(offset, bytes()));
    }
    return hash;
  }

  @Override
  public String text() {
    return "file(" + Printer.quoted(file.name()) + ", " + offset + ", " + type.text() + ")";
  }
}
