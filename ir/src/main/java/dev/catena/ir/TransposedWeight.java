package dev.catena.ir;

import java.util.ArrayList;
import java.util.List;

/** A view with permuted axes: axis {@code i} of the view is axis {@code permutation[i]} of the base. */
public final class TransposedWeight implements WeightData {
  private final WeightData base;
  private final int[] permutation;
  private final TensorType type;

  public TransposedWeight(WeightData base, int... permutation) {
    this.base = base;
    this.permutation = permutation.clone();
    TensorType t = base.tensorType();
    List<Dim> shape = new ArrayList<>();
    for (int p : permutation) {
      shape.add(t.dim(p));
    }
    this.type = t.withShape(shape);
  }

  public WeightData base() {
    return base;
  }

  public int[] permutation() {
    return permutation.clone();
  }

  @Override
  public TensorType type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    int rank = permutation.length;
    long[] baseStart = new long[rank];
    long[] baseExtent = new long[rank];
    for (int i = 0; i < rank; i++) {
      baseStart[permutation[i]] = start[i];
      baseExtent[permutation[i]] = extent[i];
    }
    float[] block = new float[Tensor.count(extent)];
    base.read(baseStart, baseExtent, block, 0);
    if (rank == 2 && permutation[0] == 1) {
      transpose(block, (int) baseExtent[0], (int) baseExtent[1], into, at);
      return;
    }
    long[] stride = new long[rank];
    long s = 1;
    for (int i = rank - 1; i >= 0; i--) {
      stride[i] = s;
      s *= baseExtent[i];
    }
    long[] index = new long[rank];
    for (int o = 0; o < block.length; o++) {
      int from = 0;
      for (int i = 0; i < rank; i++) {
        from += (int) (index[i] * stride[permutation[i]]);
      }
      into[at + o] = block[from];
      for (int a = rank - 1; a >= 0 && ++index[a] == extent[a]; a--) {
        index[a] = 0;
      }
    }
  }

  /** {@code block} is [rows, columns]. Eight rows at a time: few enough for the first-level cache, whatever their distance is. */
  private static void transpose(float[] block, int rows, int columns, float[] into, int at) {
    int r = 0;
    for (; r + 8 <= rows; r += 8) {
      int a = r * columns;
      int b = a + columns;
      int c = b + columns;
      int d = c + columns;
      int e = d + columns;
      int f = e + columns;
      int g = f + columns;
      int h = g + columns;
      for (int i = 0; i < columns; i++) {
        int o = at + i * rows + r;
        into[o] = block[a + i];
        into[o + 1] = block[b + i];
        into[o + 2] = block[c + i];
        into[o + 3] = block[d + i];
        into[o + 4] = block[e + i];
        into[o + 5] = block[f + i];
        into[o + 6] = block[g + i];
        into[o + 7] = block[h + i];
      }
    }
    for (; r < rows; r++) {
      for (int i = 0; i < columns; i++) {
        into[at + i * rows + r] = block[r * columns + i];
      }
    }
  }

  @Override
  public String hash() {
    return Hashes.of("transpose", java.util.Arrays.toString(permutation), base.hash());
  }

  @Override
  public String text() {
    StringBuilder p = new StringBuilder();
    for (int i : permutation) {
      p.append(p.length() == 0 ? "" : ", ").append(i);
    }
    return "transpose(" + base.text() + ", [" + p + "])";
  }
}
