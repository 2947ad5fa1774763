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

  /** {@code block} is [rows, columns]; square tiles keep both sides within the first-level cache. */
  private static void transpose(float[] block, int rows, int columns, float[] into, int at) {
    final int tile = 32;
    for (int r0 = 0; r0 < rows; r0 += tile) {
      int r1 = Math.min(rows, r0 + tile);
      for (int c0 = 0; c0 < columns; c0 += tile) {
        int c1 = Math.min(columns, c0 + tile);
        for (int c = c0; c < c1; c++) {
          int o = at + c * rows;
          for (int r = r0; r < r1; r++) {
            into[o + r] = block[r * columns + c];
          }
        }
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
