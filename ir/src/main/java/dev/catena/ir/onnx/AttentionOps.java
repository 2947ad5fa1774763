package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.List;

/**
 * Attention and rotary positions as ONNX writes them from opset 23 on, where 1.23 of the standard corrected them: masks are
 * aligned to the end of the past, a row that sees no key gives zeros.
 */
final class AttentionOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.Attention",
              "softmax(q · kᵀ · scale, capped, plus masks) · v for each head; q, k and v are [batch, heads, rows, size], or "
                  + "[batch, rows, heads · size] with q_num_heads and kv_num_heads. The past stands before k and v; "
                  + "nonpad_kv_seqlen says how many keys of each sequence count. attn_mask is added, or (bool) says what is "
                  + "seen. qk_matmul_output is what comes before the softmax, of the mode 0 (products), 1 (capped), 2 (masked), "
                  + "or 3 (after it).")
          .operand("q").operand("k").operand("v").optional("attn_mask").optional("past_key").optional("past_value")
          .optional("nonpad_kv_seqlen")
          .result("y").result("present_key").result("present_value").result("qk_matmul_output")
          .attribute("is_causal", Attribute.Int.class, Attribute.of(0))
          .attribute("q_num_heads", Attribute.Int.class, null)
          .attribute("kv_num_heads", Attribute.Int.class, null)
          .attribute("left_window_size", Attribute.Int.class, Attribute.of(-1))
          .attribute("right_window_size", Attribute.Int.class, Attribute.of(-1))
          .attribute("qk_matmul_output_mode", Attribute.Int.class, Attribute.of(0))
          .attribute("scale", Attribute.Real.class, null)
          .attribute("softcap", Attribute.Real.class, Attribute.of(0.0))
          .attribute("softmax_precision", Attribute.Element.class, null).traits(Trait.PURE)
          .shape(AttentionOps::inferAttention)
          .meaning(AttentionOps::attend).build(),
      OpDefinition.named("onnx.RotaryEmbedding",
              "Each pair of the first rotary_embedding_dim elements of a head (0: of all) turned by its position's angle; pairs "
                  + "are neighbours (interleaved) or half a head apart. x is [batch, heads, rows, size], or [batch, rows, heads "
                  + "· size] with num_heads; the tables are [positions, size / 2], or without position_ids [batch, rows, size / 2].")
          .operand("x").operand("cos_cache").operand("sin_cache").optional("position_ids")
          .attribute("interleaved", Attribute.Int.class, Attribute.of(0))
          .attribute("num_heads", Attribute.Int.class, null)
          .attribute("rotary_embedding_dim", Attribute.Int.class, Attribute.of(0)).traits(Trait.PURE)
          .shape(op -> List.of(inferRotary(op)))
          .meaning((op, in) -> List.of(rotate(op, in))).build());

  private static final int PRODUCTS = 0;
  private static final int CAPPED = 1;
  private static final int MASKED = 2;
  private static final int SHARES = 3;

  private AttentionOps() {}

  /** [batch, heads, rows, size] of an operand that may be [batch, rows, heads · size]. */
  private static List<Dim> headed(Operation op, TensorType t, String headsAttribute) {
    if (t.rank() == 4) {
      return t.shape();
    }
    long heads = op.hasAttribute(headsAttribute) ? op.intAttribute(headsAttribute) : 0;
    if (t.rank() != 3 || heads < 1) {
      throw op.broken("operand of type " + t.text() + " with " + headsAttribute + " = " + heads
          + "; four dimensions, or three and the number of heads are needed");
    }
    Dim width = t.dim(2);
    if (width.isKnown() && width.value() % heads != 0) {
      throw op.broken(t.text() + " doesn't divide into " + heads + " heads");
    }
    return List.of(t.dim(0), Dim.of(heads), t.dim(1), width.dividedBy(Dim.of(heads)));
  }

  private static void requireEqual(Operation op, Dim a, Dim b, String what) {
    if (a.isKnown() && b.isKnown() && !a.equals(b)) {
      throw op.broken(what + " of " + a + " and " + b);
    }
  }

  private static List<Inferred> inferAttention(Operation op) {
    TensorType qType = op.operand(0).tensorType();
    TensorType kType = op.operand(1).tensorType();
    TensorType vType = op.operand(2).tensorType();
    for (int i = 0; i < 3; i++) {
      if (!op.operand(i).tensorType().element().isFloat()) {
        throw op.broken("operand of type " + op.operand(i).type().text() + ", reals are needed");
      }
    }
    if (qType.element() != kType.element()) {
      throw op.broken("queries of type " + qType.text() + ", keys of type " + kType.text());
    }
    List<Dim> q = headed(op, qType, "q_num_heads");
    List<Dim> k = headed(op, kType, "kv_num_heads");
    List<Dim> v = headed(op, vType, "kv_num_heads");
    requireEqual(op, q.get(3), k.get(3), "queries and keys");
    requireEqual(op, k.get(1), v.get(1), "key and value heads");
    requireEqual(op, k.get(2), v.get(2), "rows of keys and values");
    if (q.get(1).isKnown() && k.get(1).isKnown() && (k.get(1).is(0) || q.get(1).value() % k.get(1).value() != 0)) {
      throw op.broken(q.get(1) + " heads over " + k.get(1) + " key heads");
    }
    long mode = op.intAttribute("qk_matmul_output_mode");
    if (mode < PRODUCTS || mode > SHARES) {
      throw op.broken("qk_matmul_output_mode = " + mode + ", 0 to 3 are known");
    }
    if (op.intAttribute("left_window_size") < -1 || op.intAttribute("right_window_size") < -1) {
      throw op.broken("a window of fewer than -1 positions");
    }
    if (op.hasAttribute("softmax_precision") && !op.elementAttribute("softmax_precision").isFloat()) {
      throw op.broken("softmax_precision = " + op.elementAttribute("softmax_precision").keyword() + ", which is no float");
    }
    Value pastKey = op.operand(4);
    if ((pastKey == null) != (op.operand(5) == null)) {
      throw op.broken("past_key and past_value are given together or not at all");
    }
    Operands.integers(op, 6);
    Dim keys = k.get(2);
    if (pastKey != null) {
      if (op.operand(6) != null) {
        throw op.broken("nonpad_kv_seqlen isn't for keys that have a past");
      }
      for (int i = 4; i <= 5; i++) {
        TensorType past = op.operand(i).tensorType();
        if (past.rank() != 4 || past.element() != op.operand(i - 3).tensorType().element()) {
          throw op.broken("a past of type " + past.text() + " before " + op.operand(i - 3).type().text());
        }
      }
      keys = pastKey.tensorType().dim(2).plus(keys);
    }
    requireMask(op, List.of(q.get(0), q.get(1), q.get(2), keys));
    List<Dim> y = qType.rank() == 4 ? List.of(q.get(0), q.get(1), q.get(2), v.get(3))
        : List.of(q.get(0), q.get(2), q.get(1).times(v.get(3)));
    return List.of(Inferred.of(qType.withShape(y)),
        Inferred.of(kType.withShape(List.of(k.get(0), k.get(1), keys, k.get(3)))),
        Inferred.of(vType.withShape(List.of(v.get(0), v.get(1), keys, v.get(3)))),
        Inferred.of(qType.withShape(List.of(q.get(0), q.get(1), q.get(2), keys))));
  }

  /** A mask stretches over the scores; its last axis may be shorter, what it lacks is hidden. */
  private static void requireMask(Operation op, List<Dim> scores) {
    Value mask = op.operand(3);
    if (mask == null) {
      return;
    }
    TensorType t = mask.tensorType();
    if (t.rank() < 1 || t.element() == ElementType.STRING) {
      throw op.broken("a mask of type " + t.text());
    }
    Broadcasting.requireFits(op, t.shape().subList(0, t.rank() - 1), scores.subList(0, 3));
    Dim columns = t.dim(-1);
    if (columns.isKnown() && scores.get(3).isKnown() && columns.value() > scores.get(3).value()) {
      throw op.broken("a mask of " + columns + " columns for " + scores.get(3) + " keys");
    }
  }

  private static Tensor operand(List<EvalValue> in, int i) {
    return i < in.size() ? (Tensor) in.get(i) : null;
  }

  /** {@code t} as [batch, heads, rows, size]. */
  private static Tensor headed(Operation op, Tensor t, String headsAttribute) {
    if (t.rank() == 4) {
      return t;
    }
    long heads = op.intAttribute(headsAttribute);
    if (t.dim(2) % heads != 0) {
      throw op.broken(Arrays.toString(t.shape()) + " doesn't divide into " + heads + " heads");
    }
    return DataMovementOps.transpose(t.reshaped(t.dim(0), t.dim(1), heads, t.dim(2) / heads), 0, 2, 1, 3);
  }

  /** {@code past} and {@code t} laid end to end along the rows. */
  private static Tensor joined(Operation op, Tensor past, Tensor t) {
    if (past == null) {
      return t;
    }
    if (past.rank() != 4 || past.dim(0) != t.dim(0) || past.dim(1) != t.dim(1) || past.dim(3) != t.dim(3)) {
      throw op.broken("a past of " + Arrays.toString(past.shape()) + " before " + Arrays.toString(t.shape()));
    }
    return DataMovementOps.concat(op, List.of(past, t), 2);
  }

  private static List<EvalValue> attend(Operation op, List<EvalValue> in) {
    Tensor given = operand(in, 0);
    Tensor q = headed(op, given, "q_num_heads");
    Tensor past = operand(in, 4);
    Tensor k = joined(op, past, headed(op, operand(in, 1), "kv_num_heads"));
    Tensor v = joined(op, operand(in, 5), headed(op, operand(in, 2), "kv_num_heads"));
    int rows = (int) q.dim(2);
    int keys = (int) k.dim(2);
    int size = (int) q.dim(3);
    int heads = (int) q.dim(1);
    if (k.dim(0) != q.dim(0) || v.dim(0) != q.dim(0) || k.dim(3) != size || v.dim(2) != keys || v.dim(1) != k.dim(1)
        || k.dim(1) == 0 || heads % k.dim(1) != 0) {
      throw op.broken("queries " + Arrays.toString(q.shape()) + ", keys " + Arrays.toString(k.shape()) + ", values "
          + Arrays.toString(v.shape()));
    }
    int shared = heads / (int) k.dim(1);
    double scale = op.hasAttribute("scale") ? op.realAttribute("scale") : 1 / Math.sqrt(size);
    double cap = op.realAttribute("softcap");
    Visibility seen = new Visibility(op, operand(in, 3), operand(in, 6), past == null ? 0 : past.dim(2), q, keys);
    ElementType precision = op.hasAttribute("softmax_precision") ? op.elementAttribute("softmax_precision") : ElementType.F64;
    long mode = op.intAttribute("qk_matmul_output_mode");
    Tensor shown = new Tensor(q.element(), q.dim(0), heads, rows, keys);
    Tensor y = new Tensor(given.element(), q.dim(0), heads, rows, v.dim(3));
    double[] scores = new double[keys];
    for (int line = 0; line < q.dim(0) * heads * rows; line++) {
      int row = line % rows;
      int head = line / rows % heads;
      int batch = line / rows / heads;
      int from = (batch * (int) k.dim(1) + head / shared) * keys;
      boolean blind = true;
      for (int j = 0; j < keys; j++) {
        double score = 0;
        for (int d = 0; d < size; d++) {
          score += q.get(line * size + d) * k.get((from + j) * size + d);
        }
        score *= scale;
        double capped = cap > 0 ? cap * Math.tanh(score / cap) : score;
        double bias = seen.bias(batch, head, row, j);
        blind &= bias == Double.NEGATIVE_INFINITY;
        scores[j] = capped + bias;
        shown.set(line * keys + j, mode == PRODUCTS ? score : mode == CAPPED ? capped : scores[j]);
      }
      double[] shares = blind ? new double[keys] : shares(scores, precision);
      for (int j = 0; j < keys && mode == SHARES; j++) {
        shown.set(line * keys + j, shares[j]);
      }
      int width = (int) v.dim(3);
      for (int d = 0; d < width; d++) {
        double sum = 0;
        for (int j = 0; j < keys; j++) {
          sum += shares[j] * v.get((from + j) * width + d);
        }
        y.set(line * width + d, sum);
      }
    }
    Tensor out = given.rank() == 4 ? y
        : DataMovementOps.transpose(y, 0, 2, 1, 3).reshaped(q.dim(0), rows, heads * v.dim(3));
    return List.of(out, k, v, shown);
  }

  /** The softmax of a row of scores, computed from scores of that precision. */
  private static double[] shares(double[] scores, ElementType precision) {
    double max = Double.NEGATIVE_INFINITY;
    for (double s : scores) {
      max = Math.max(max, Scalars.round(s, precision));
    }
    double[] shares = new double[scores.length];
    double sum = 0;
    for (int j = 0; j < shares.length; j++) {
      shares[j] = max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(Scalars.round(scores[j], precision) - max);
      sum += shares[j];
    }
    for (int j = 0; j < shares.length; j++) {
      shares[j] = sum == 0 ? 0 : Scalars.round(shares[j] / sum, precision);
    }
    return shares;
  }

  /** What is added to the score of a key before the softmax: minus infinity where it isn't seen. */
  private static final class Visibility {
    private final Tensor mask;
    private final int[] lines;
    private final Tensor lengths;
    private final boolean causal;
    private final long left;
    private final long right;
    private final long past;
    private final int heads;
    private final int rows;

    Visibility(Operation op, Tensor mask, Tensor lengths, long past, Tensor q, int keys) {
      this.mask = mask;
      this.lengths = lengths;
      this.past = past;
      this.heads = (int) q.dim(1);
      this.rows = (int) q.dim(2);
      this.causal = op.intAttribute("is_causal") != 0;
      this.left = op.intAttribute("left_window_size");
      this.right = op.intAttribute("right_window_size");
      if (mask != null && mask.dim(-1) > keys || lengths != null && lengths.size() != q.dim(0)) {
        throw op.broken("a mask or lengths that don't fit " + keys + " keys of " + q.dim(0) + " sequences");
      }
      this.lines = mask == null ? null : Broadcasting.indices(Arrays.copyOf(mask.shape(), mask.rank() - 1),
          new long[] {q.dim(0), heads, rows});
    }

    double bias(int batch, int head, int row, int key) {
      // Where the row stands among the keys.
      long position = row + (lengths == null ? past : lengths.getLong(batch) - rows);
      boolean hidden = causal && key > position || left >= 0 && position - key > left || right >= 0 && key - position > right
          || lengths != null && key >= lengths.getLong(batch);
      if (hidden) {
        return Double.NEGATIVE_INFINITY;
      }
      if (mask == null) {
        return 0;
      }
      int columns = (int) mask.dim(-1);
      if (key >= columns) {
        return Double.NEGATIVE_INFINITY;
      }
      int at = lines[(batch * heads + head) * rows + row] * columns + key;
      return mask.element() != ElementType.BOOL ? mask.get(at) : mask.getLong(at) != 0 ? 0 : Double.NEGATIVE_INFINITY;
    }
  }

  private static Inferred inferRotary(Operation op) {
    TensorType x = op.operand(0).tensorType();
    List<Dim> headed = headed(op, x, "num_heads");
    Operands.integers(op, 3);
    long turned = op.intAttribute("rotary_embedding_dim");
    Dim size = headed.get(3);
    if (turned < 0 || turned % 2 != 0 || size.isKnown() && (turned > size.value() || turned == 0 && size.value() % 2 != 0)) {
      throw op.broken("rotary_embedding_dim = " + turned + " of heads of " + size);
    }
    int tableRank = op.operand(3) == null ? 3 : 2;
    for (int i = 1; i <= 2; i++) {
      TensorType table = op.operand(i).tensorType();
      if (table.rank() != tableRank || table.element() != x.element()) {
        throw op.broken("a table of type " + table.text() + " for " + x.text());
      }
      Dim half = turned > 0 ? Dim.of(turned / 2) : size.dividedBy(Dim.of(2));
      requireEqual(op, table.dim(-1), half, "a table and half the rotated size");
    }
    return Inferred.of(x);
  }

  private static Tensor rotate(Operation op, List<EvalValue> in) {
    Tensor given = operand(in, 0);
    Tensor x = headed(op, given, "num_heads");
    Tensor cos = operand(in, 1);
    Tensor sin = operand(in, 2);
    Tensor positions = operand(in, 3);
    boolean interleaved = op.intAttribute("interleaved") != 0;
    int heads = (int) x.dim(1);
    int rows = (int) x.dim(2);
    int size = (int) x.dim(3);
    long wanted = op.intAttribute("rotary_embedding_dim");
    int half = (int) (wanted == 0 ? size : wanted) / 2;
    int angles = positions == null ? (int) x.dim(0) * rows : (int) cos.dim(0);
    if (cos.dim(-1) != half || !Arrays.equals(cos.shape(), sin.shape()) || cos.size() != (long) angles * half
        || positions != null && positions.size() != x.dim(0) * rows) {
      throw op.broken("tables " + Arrays.toString(cos.shape()) + " and " + Arrays.toString(sin.shape()) + " for "
          + Arrays.toString(given.shape()));
    }
    Tensor out = new Tensor(x.element(), x.shape());
    for (int line = 0; line < x.dim(0) * heads * rows; line++) {
      int token = line / rows / heads * rows + line % rows;
      int angle = (positions == null ? token : IndexingOps.place(op, positions.getLong(token), angles)) * half;
      for (int i = 0; i < half; i++) {
        int a = line * size + (interleaved ? 2 * i : i);
        int b = line * size + (interleaved ? 2 * i + 1 : i + half);
        out.set(a, cos.get(angle + i) * x.get(a) - sin.get(angle + i) * x.get(b));
        out.set(b, sin.get(angle + i) * x.get(a) + cos.get(angle + i) * x.get(b));
      }
      for (int i = 2 * half; i < size; i++) {
        out.copy(line * size + i, x, line * size + i);
      }
    }
    return given.rank() == 4 ? out : DataMovementOps.transpose(out, 0, 2, 1, 3).reshaped(given.shape());
  }
}
