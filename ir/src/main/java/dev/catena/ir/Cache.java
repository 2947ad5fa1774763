package dev.catena.ir;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The evaluator's KV cache: a value that is never changed, each append gives a new one. Keys and values are kept as
 * the cache's storage would return them.
 */
public final class Cache implements EvalValue {
  private final KvType type;
  private final Map<Integer, List<float[]>> keys;
  private final Map<Integer, List<float[]>> values;

  private Cache(KvType type, Map<Integer, List<float[]>> keys, Map<Integer, List<float[]>> values) {
    this.type = type;
    this.keys = keys;
    this.values = values;
  }

  public static Cache empty(KvType type) {
    return new Cache(type, Map.of(), Map.of());
  }

  public KvType type() {
    return type;
  }

  /** Positions held of {@code sequence}. */
  public int length(int sequence) {
    return keys.getOrDefault(sequence, List.of()).size();
  }

  /** Keys of one position, {@code [heads × dim]}. */
  public float[] key(int sequence, int position) {
    return keys.get(sequence).get(position);
  }

  /** Values of one position, {@code [heads × dim]}. */
  public float[] value(int sequence, int position) {
    return values.get(sequence).get(position);
  }

  /** A new version with {@code k} and {@code v} ({@code [rows, heads × dim]}) at the rows' positions. */
  public Cache append(Tensor k, Tensor v, Sequences seqs) {
    Map<Integer, List<float[]>> newKeys = copy(keys);
    Map<Integer, List<float[]>> newValues = copy(values);
    int width = Math.toIntExact(type.heads() * type.dim());
    for (int row = 0; row < seqs.rows(); row++) {
      put(newKeys, seqs, row, stored(k, row, width, type.key()));
      put(newValues, seqs, row, stored(v, row, width, type.value()));
    }
    return new Cache(type, newKeys, newValues);
  }

  private static Map<Integer, List<float[]>> copy(Map<Integer, List<float[]>> from) {
    Map<Integer, List<float[]>> to = new HashMap<>();
    from.forEach((sequence, rows) -> to.put(sequence, new ArrayList<>(rows)));
    return to;
  }

  private static void put(Map<Integer, List<float[]>> to, Sequences seqs, int row, float[] data) {
    List<float[]> rows = to.computeIfAbsent(seqs.rowSequence()[row], s -> new ArrayList<>());
    int position = seqs.positions()[row];
    if (position > rows.size()) {
      throw new IrException("row " + row + " is at position " + position + ", the cache holds " + rows.size());
    }
    if (position == rows.size()) {
      rows.add(data);
    } else {
      rows.set(position, data);
    }
  }

  private float[] stored(Tensor t, int row, int width, ElementType storage) {
    float[] out = new float[width];
    for (int i = 0; i < width; i++) {
      out[i] = (float) t.get(row * width + i);
    }
    int dim = Math.toIntExact(type.dim());
    for (int head = 0; head < width; head += dim) {
      switch (storage) {
        case U8, U4 -> roundToCodes(out, head, head + dim, (1 << storage.bits()) - 1);
        default -> {
          for (int i = head; i < head + dim; i++) {
            out[i] = HalfFloat.round(out[i], storage);
          }
        }
      }
    }
    return out;
  }

  /**
   * One head of one position as codes · scale + minimum, both f16. The range is that of the finite elements as far as f16
   * goes; a NaN or an infinity takes an end of it.
   */
  private static void roundToCodes(float[] x, int from, int to, int top) {
    float low = HalfFloat.LARGEST_F16;
    float high = -HalfFloat.LARGEST_F16;
    boolean finite = false;
    for (int i = from; i < to; i++) {
      if (Float.isFinite(x[i])) {
        finite = true;
        float v = Math.min(HalfFloat.LARGEST_F16, Math.max(-HalfFloat.LARGEST_F16, x[i]));
        low = Math.min(low, v);
        high = Math.max(high, v);
      }
    }
    if (!finite) {
      low = 0;
      high = 0;
    }
    float scale = HalfFloat.round((high - low) / top, ElementType.F16);
    float minimum = HalfFloat.round(low, ElementType.F16);
    for (int i = from; i < to; i++) {
      float code = scale > 0 ? (float) Math.rint((x[i] - minimum) / scale) : 0;
      x[i] = (code > 0 ? Math.min(code, top) : 0) * scale + minimum;
    }
  }
}
