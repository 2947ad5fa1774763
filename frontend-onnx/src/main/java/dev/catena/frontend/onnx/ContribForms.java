package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.BlockQuantizedWeight;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupIndexedWeight;
import dev.catena.ir.IrException;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * ONNX Runtime's contrib operations (domain com.microsoft, docs/ContribOperators.md there), said in ONNX's own. So whatever
 * Catena proves of an exporter's graph, that a mask is causal, that positions are consecutive, it proves of these, too.
 */
final class ContribForms extends OperationForms {
  static final String DOMAIN = "com.microsoft";
  /** Of a matrix whose columns' groups are looked at one by one. */
  private static final long MOST_COLUMNS = 1 << 24;
  private static final int PAST_KEY = 3;
  private static final int PAST_VALUE = 4;
  private static final int LENGTHS = 5;
  private static final int COS = 7;
  private static final int SIN = 8;
  private static final int POSITIONS = 9;
  private static final int ATTENTION_BIAS = 10;
  private static final int HEAD_SINK = 11;
  private static final int Q_NORM = 14;
  private static final int K_NORM = 15;

  private final WeightPool weights;
  private final QuantizedConstants quantized;
  private final AttentionForms attention;

  ContribForms(StageBuilder out, WeightPool weights, QuantizedConstants quantized) {
    super(out);
    this.weights = weights;
    this.quantized = quantized;
    this.attention = new AttentionForms(out);
  }

  /** The values of the node's results, null where one is not made; null where the operation isn't known. */
  List<Value> convert(OnnxGraph.Node node, List<Value> in) {
    return switch (node.operation()) {
      case "SkipSimplifiedLayerNormalization" -> {
        allow(node, "epsilon");
        yield skipNorm(node, in, 3, "SimplifiedLayerNormalization");
      }
      case "SkipLayerNormalization" -> {
        allow(node, "epsilon");
        yield skipNorm(node, in, 4, "LayerNormalization");
      }
      case "RotaryEmbedding" -> List.of(rotaryEmbedding(node, in));
      case "GroupQueryAttention" -> groupQueryAttention(node, in);
      case "MultiHeadAttention" -> attention.multiHead(node, in);
      case "Attention" -> attention.packed(node, in);
      case "MatMulNBits" -> matMulNBits(node, in);
      case "GatherBlockQuantized" -> List.of(gatherBlockQuantized(node, in));
      case "Gelu" -> {
        allow(node);
        yield List.of(op("Gelu", required(in, 0, "X")));
      }
      case "BiasGelu" -> {
        allow(node);
        yield List.of(op("Gelu", op("Add", required(in, 0, "A"), required(in, 1, "B"))));
      }
      case "FastGelu" -> {
        allow(node);
        Value x = required(in, 0, "X");
        yield List.of(out.append("Gelu", List.of(optional(in, 1) == null ? x : op("Add", x, in.get(1))),
            Map.of("approximate", Attribute.of("tanh")), 1).result());
      }
      case "FusedMatMul" -> List.of(fusedMatMul(node, in));
      case "DynamicQuantizeMatMul" -> List.of(dynamicQuantizeMatMul(node, in));
      case "QuickGelu" -> {
        allow(node, "alpha");
        Value x = required(in, 0, "X");
        yield List.of(op("Mul", x, op("Sigmoid", op("Mul", x, real(x, real(node, "alpha", 1.702f))))));
      }
      default -> null;
    };
  }

  /** alpha · A · B, each of them turned before it is multiplied, if its attributes say so. */
  private Value fusedMatMul(OnnxGraph.Node node, List<Value> in) {
    allow(node, "alpha", "transA", "transB", "transBatchA", "transBatchB");
    Value a = arranged(required(in, 0, "A"), integer(node, "transA", 0) != 0, integer(node, "transBatchA", 0) != 0);
    Value b = arranged(required(in, 1, "B"), integer(node, "transB", 0) != 0, integer(node, "transBatchB", 0) != 0);
    Value product = op("MatMul", a, b);
    float alpha = real(node, "alpha", 1);
    return alpha == 1 ? product : op("Mul", product, real(product, alpha));
  }

  /** @param batch whether the first axis stands behind those of the batch; @param turned whether the last two are exchanged then */
  private Value arranged(Value x, boolean turned, boolean batch) {
    int rank = x.tensorType().rank();
    if (rank < 2 || !turned && !batch) {
      return x;
    }
    long[] order = new long[rank];
    for (int i = 0; i < rank; i++) {
      order[i] = !batch || i == rank - 1 ? i : (i + 1) % (rank - 1);
    }
    if (turned) {
      long last = order[rank - 1];
      order[rank - 1] = order[rank - 2];
      order[rank - 2] = last;
    }
    return out.append("Transpose", List.of(x), Map.of("perm", Attribute.ints(order)), 1).result();
  }

  /** x + skip (+ bias) is what the next residual branch is added to, and the norm of it; a product gets the bias that was its own. */
  private List<Value> skipNorm(OnnxGraph.Node node, List<Value> in, int bias, String norm) {
    Value input = required(in, 0, "input");
    Value skip = required(in, 1, "skip");
    if (optional(in, bias) != null && isProduct(skip) && !isProduct(input)) {
      skip = op("Add", skip, in.get(bias));
    } else if (optional(in, bias) != null) {
      input = op("Add", input, in.get(bias));
    }
    Value sum = op("Add", input, skip);
    List<Value> operands = new ArrayList<>(List.of(sum, required(in, 2, "gamma")));
    if (bias == 4 && optional(in, 3) != null) {
      operands.add(in.get(3));
    }
    Value normed = out.append(norm, operands, Map.of("axis", Attribute.of(-1),
        "epsilon", new Attribute.Real(Double.parseDouble(Float.toString(real(node, "epsilon", 1e-12f))))), 1).result();
    for (int i = 1; i <= 2; i++) {
      if (i < node.outputs().size() && !node.outputs().get(i).isEmpty()) {
        throw out.broken("gives its mean or deviation, which Catena doesn't support; export the model for inference");
      }
    }
    return Arrays.asList(normed, null, null, sum);
  }

  private static boolean isProduct(Value v) {
    return v.producer() != null && (v.producer().is("onnx.MatMul") || v.producer().is("nn.linear"));
  }

  private Value rotaryEmbedding(OnnxGraph.Node node, List<Value> in) {
    allow(node, "interleaved", "num_heads", "rotary_embedding_dim", "scale");
    Value x = required(in, 0, "input");
    Value positions = required(in, 1, "position_ids");
    Value cos = required(in, 2, "cos_cache");
    TensorType type = x.tensorType();
    long rotated = 2 * known(cos, -1, "cos_cache");
    boolean interleaved = integer(node, "interleaved", 0) != 0;
    if (positions.tensorType().rank() < 2) {
      positions = fromOffset(x, positions);
    }
    long wanted = integer(node, "rotary_embedding_dim", 0);
    if (wanted != 0 && wanted != rotated) {
      throw out.broken("has rotary_embedding_dim = " + wanted + " and tables for " + rotated);
    }
    if (real(node, "scale", 1) != 1) {
      throw out.broken("has a scale, which Catena doesn't support");
    }
    Rotation rotation = new Rotation(out, cos, required(in, 3, "sin_cache"), positions, interleaved);
    if (type.rank() == 4) {
      return turned(rotation.of(turned(x), known(x, -1, "input")));
    }
    long heads = integer(node, "num_heads", 0);
    long width = known(x, -1, "input");
    long size = heads > 0 ? width / heads : rotated;
    if (type.rank() != 3 || size < rotated || width % size != 0) {
      throw out.broken("can't cut " + type.text() + " into heads of " + size + ", of which " + rotated + " turn");
    }
    Value headed = op("Reshape", x, integers(0, 0, width / size, size));
    return op("Reshape", rotation.of(headed, size), integers(0, 0, width));
  }

  /** Positions [1, rows] from one offset on. */
  private Value fromOffset(Value x, Value offset) {
    Value rows = op("Squeeze", shape(x, x.tensorType().rank() == 4 ? 2 : 1));
    return op("Add", op("Unsqueeze", op("Range", number(0), rows, number(1)), integers(0)), op("Reshape", offset, integers(1, 1)));
  }

  /**
   * The one operation that ONNX has no words for: a linear layer on a matrix of codes. Codes, scales and zero points stay what
   * they are.
   */
  private List<Value> matMulNBits(OnnxGraph.Node node, List<Value> in) {
    allow(node, "K", "N", "bits", "block_size", "accuracy_level");
    long k = positiveUpTo(node, "K", Integer.MAX_VALUE);
    long n = positiveUpTo(node, "N", Integer.MAX_VALUE);
    long bits = integer(node, "bits", 4);
    long block = positiveUpTo(node, "block_size", 1 << 16);
    ElementType code = code(bits, block);
    int[] groups = columnGroups(optional(in, 4), k, block);
    WeightData scales = data(required(in, 2, "scales"), "scales");
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    QuantType type = type(code, block, scales, zeros, List.of(Dim.of(n), Dim.of(k)));
    BlockQuantizedWeight matrix = blocks(data(required(in, 1, "B"), "B"), scales, zeros, type);
    Value product = groups != null ? productInAnyOrder(node, in, matrix, groups)
        : out.append("nn.linear", List.of(required(in, 0, "A"), weights.add(node.input(1), matrix).value()), Map.of(), 1).result();
    return List.of(optional(in, 5) == null ? product : op("Add", product, in.get(5)));
  }

  /** Codes whose columns stand in another order than their groups: the matrix is what they mean, in f32, and stored as others are. */
  private Value productInAnyOrder(OnnxGraph.Node node, List<Value> in, BlockQuantizedWeight matrix, int[] groups) {
    WeightData values;
    try {
      values = new TransposedWeight(new GroupIndexedWeight(matrix, groups), 1, 0);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
    Value a = required(in, 0, "A");
    Value wide = weights.add(node.input(1), values).value();
    Value product = op("MatMul", cast(a, ElementType.F32), wide);
    return cast(product, a.tensorType().element());
  }

  private Value cast(Value v, ElementType to) {
    return v.tensorType().element() == to ? v : out.append("Cast", List.of(v), Map.of("to", new Attribute.Element(to)), 1).result();
  }

  /** The group of each column; null where each stands in its own. */
  private int[] columnGroups(Value groups, long columns, long block) {
    if (groups == null) {
      return null;
    }
    WeightData given = data(groups, "g_idx");
    if (!given.tensorType().element().isInteger() || !given.tensorType().elements().is(columns) || columns > MOST_COLUMNS) {
      throw out.broken("has g_idx of " + given.type().text() + "; one integer for each of " + columns + " columns is needed");
    }
    Tensor index = given.tensor();
    int[] of = new int[Math.toIntExact(columns)];
    boolean inOrder = true;
    for (int i = 0; i < columns; i++) {
      of[i] = (int) Math.max(-1, Math.min(Integer.MAX_VALUE, index.getLong(i)));
      inOrder &= of[i] == i / block;
    }
    return inOrder ? null : of;
  }

  private ElementType code(long bits, long block) {
    if (bits != 2 && bits != 4 && bits != 8 || block % (bits == 2 ? 32 : 8) != 0) {
      throw out.broken("has codes of " + bits + " bits in blocks of " + block + "; Catena knows 8, 4 and 2 bits, blocks of a"
          + " multiple of 8 (of 32 for 2 bits)");
    }
    return bits == 2 ? ElementType.U2 : bits == 4 ? ElementType.U4 : ElementType.U8;
  }

  /** Rows of a table of codes, which stay what they are. */
  private Value gatherBlockQuantized(OnnxGraph.Node node, List<Value> in) {
    allow(node, "bits", "block_size", "gather_axis", "quantize_axis");
    WeightData codes = data(required(in, 0, "data"), "data");
    WeightData scales = data(required(in, 2, "scales"), "scales");
    TensorType type = in.get(0).tensorType();
    long bits = integer(node, "bits", 4);
    long block = integer(node, "block_size", 128);
    boolean typed = type.element() == ElementType.U4 || type.element() == ElementType.I4;
    if (typed && type.rank() == 2 && integer(node, "gather_axis", 0) == 0 && Math.floorMod(integer(node, "quantize_axis", 1), 2) == 1) {
      return typedRows(node, in, codes, scales, block);
    }
    if (type.element() != ElementType.U8 || type.rank() != 2 || integer(node, "gather_axis", 0) != 0
        || Math.floorMod(integer(node, "quantize_axis", 1), 2) != 1) {
      throw out.broken("reads " + type.text() + " along axis " + integer(node, "gather_axis", 0) + ", quantized along axis "
          + integer(node, "quantize_axis", 1) + "; Catena knows rows of codes [rows, columns], of u4, i4 or several in a u8, quantized along columns");
    }
    ElementType code = code(bits, block);
    long columns = Math.multiplyExact(type.dim(1).value(), 8 / bits);
    if (block < 1 || columns % block != 0) {
      throw out.broken("has rows of " + columns + " codes in blocks of " + block + "; whole blocks are needed");
    }
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    QuantType rows = type(code, block, scales, zeros, List.of(type.dim(0), Dim.of(columns)));
    Value table = weights.add(node.input(0) + ".rows", blocks(codes, scales, zeros, rows)).value();
    return out.append("nn.embedding", List.of(required(in, 1, "indices"), table),
        Map.of("element", new Attribute.Element(scales.tensorType().element())), 1).result();
  }

  /** Rows of codes that are elements of a type of 4 bits. */
  private Value typedRows(OnnxGraph.Node node, List<Value> in, WeightData codes, WeightData scales, long block) {
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    Value table = quantized.dequantized(node.input(0), codes, scales, zeros, 1, block);
    if (table == null) {
      throw out.broken("has codes of " + codes.type().text() + " in blocks of " + block + ", which don't fit its scales "
          + scales.type().text());
    }
    return out.append("Gather", List.of(table, required(in, 1, "indices")), Map.of("axis", Attribute.of(0)), 1).result();
  }

  private static QuantType type(ElementType code, long block, WeightData scales, WeightData zeros, List<Dim> shape) {
    return new QuantType(code, block, scales.tensorType().element() == ElementType.F16 ? ElementType.F16 : ElementType.F32,
        zeros == null ? null : code, shape);
  }

  private BlockQuantizedWeight blocks(WeightData codes, WeightData scales, WeightData zeros, QuantType type) {
    try {
      return new BlockQuantizedWeight(codes, scales, zeros, type);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
  }

  /**
   * A product whose left side is quantized when it is known, to 8 bits of its range. Here it stays as it is, which is at least
   * as exact; the matrix keeps its codes.
   */
  private Value dynamicQuantizeMatMul(OnnxGraph.Node node, List<Value> in) {
    allow(node);
    WeightData codes = data(required(in, 1, "B"), "B");
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "b_zero_point");
    Value matrix = codes.tensorType().rank() != 2 ? null
        : quantized.dequantized(node.input(1), codes, data(required(in, 2, "b_scale"), "b_scale"), zeros, 1, 0);
    if (matrix == null) {
      throw out.broken("has a B of " + codes.type().text() + "; Catena knows matrices of u8, i8, u4 and i4");
    }
    Value product = op("MatMul", required(in, 0, "A"), matrix);
    return optional(in, 4) == null ? product : op("Add", product, in.get(4));
  }

  private WeightData data(Value v, String name) {
    Operation reshape = v.producer();
    if (reshape != null && reshape.is("onnx.Reshape") && reshape.operand(0).weight() != null && v.tensorType().isStatic()) {
      return reshape.operand(0).weight().data(); // codes lie as they lie, however their bytes are counted
    }
    WeightData data = QuantizedConstants.data(v);
    if (data == null) {
      throw out.broken("computes its input '" + name + "', which must be a constant");
    }
    return data;
  }

  /**
   * Attention with the past as tensors [batch, kv_heads, past, size], or without a past. Row i of a sequence stands at position
   * seqlens_k + 1 − rows + i and sees the positions up to its own, the last local_window_size of them where that is given.
   */
  private List<Value> groupQueryAttention(OnnxGraph.Node node, List<Value> in) {
    allow(node, "num_heads", "kv_num_heads", "scale", "softcap", "do_rotary", "rotary_interleaved", "local_window_size", "smooth_softmax",
        "qk_norm_epsilon", "causal");
    if (integer(node, "causal", 1) == 0) {
      throw out.broken("isn't causal (causal = 0), which Catena doesn't support yet");
    }
    for (int i = SIN + 1; i < in.size(); i++) {
      if (in.get(i) != null && i != POSITIONS && i != ATTENTION_BIAS && i != HEAD_SINK && i != Q_NORM && i != K_NORM) {
        throw out.broken("has the input '" + node.input(i) + "' (number " + i + "), which Catena doesn't support yet;"
            + " build the model without it");
      }
    }
    long heads = positive(node, "num_heads");
    long kvHeads = positive(node, "kv_num_heads");
    Value pastKey = optional(in, PAST_KEY);
    Value pastValue = optional(in, PAST_VALUE);
    Value q = required(in, 0, "query");
    Value k = optional(in, 1);
    Value v = optional(in, 2);
    long size = pastKey != null ? known(pastKey, -1, "past_key") : known(q, -1, "query") / (k == null ? heads + 2 * kvHeads : heads);
    if ((pastKey == null) != (pastValue == null)) {
      throw out.broken("takes past keys and past values together or not at all");
    }
    long packed = Math.multiplyExact(heads + 2 * kvHeads, size);
    if (heads % kvHeads != 0 || q.tensorType().rank() != 3
        || known(q, -1, "query") != (k == null ? packed : heads * size) || (k == null) != (v == null)) {
      throw out.broken("of " + heads + " heads and " + kvHeads + " KV heads of " + size + " doesn't fit its query "
          + q.tensorType().text());
    }
    if (k == null) {
      List<Value> parts = out.append("Split", List.of(q, integers(heads * size, kvHeads * size, kvHeads * size)),
          Map.of("axis", Attribute.of(-1)), 3).results();
      q = parts.get(0);
      k = parts.get(1);
      v = parts.get(2);
    }
    Value positions = positions(q, required(in, LENGTHS, "seqlens_k"));
    Value given = optional(in, POSITIONS); // says where rows turn, not what they see
    Value headedQ = op("Reshape", q, integers(0, 0, heads, size));
    Value headedK = op("Reshape", k, integers(0, 0, kvHeads, size));
    headedQ = normed(node, headedQ, optional(in, Q_NORM));
    headedK = normed(node, headedK, optional(in, K_NORM));
    if (integer(node, "do_rotary", 0) != 0) {
      Rotation rotation = new Rotation(out, required(in, COS, "cos_cache"), required(in, SIN, "sin_cache"),
          given == null ? positions : given, integer(node, "rotary_interleaved", 0) != 0);
      headedQ = rotation.of(headedQ, size);
      headedK = rotation.of(headedK, size);
    }
    Value headedV = turned(op("Reshape", v, integers(0, 0, kvHeads, size)));
    Value presentKey = pastKey == null ? turned(headedK) : joined(2, pastKey, turned(headedK));
    Value presentValue = pastValue == null ? headedV : joined(2, pastValue, headedV);
    double scale = real(node, "scale", 0) == 0 ? 1 / Math.sqrt(size) : real(node, "scale", 0);
    Value total = op("Squeeze", pastKey == null ? shape(q, 1) : op("Add", shape(pastKey, 2), shape(q, 1)));
    Value mask = causalMask(q, positions, total, integer(node, "local_window_size", -1));
    Value bias = optional(in, ATTENTION_BIAS);
    Value attended = attended(turned(headedQ), presentKey, presentValue, heads, kvHeads, scale, real(node, "softcap", 0),
        bias == null ? mask : op("Add", mask, bias), sinks(node, q, heads, optional(in, HEAD_SINK)));
    return List.of(attended, presentKey, presentValue);
  }

  /** RMSNorm of each head. */
  private Value normed(OnnxGraph.Node node, Value heads, Value weight) {
    return weight == null ? heads : out.append("SimplifiedLayerNormalization", List.of(heads, weight), Map.of("axis", Attribute.of(-1),
        "epsilon", new Attribute.Real(Double.parseDouble(Float.toString(real(node, "qk_norm_epsilon", 1e-6f))))), 1).result();
  }

  /** The logits that are given; where the softmax is smooth, 0 for each head. */
  private Value sinks(OnnxGraph.Node node, Value like, long heads, Value given) {
    if (given != null || integer(node, "smooth_softmax", -1) <= 0) {
      return given;
    }
    return weights.add("smooth_softmax", new LiteralWeight(new Tensor(like.tensorType().element(), heads))).value();
  }

  /** [batch, rows] */
  private Value positions(Value x, Value lengths) {
    Value rows = op("Squeeze", shape(x, 1));
    Value first = op("Sub", out.append("Cast", List.of(lengths), Map.of("to", new Attribute.Element(ElementType.I64)), 1).result(), op("Sub", rows, number(1)));
    return op("Add", op("Unsqueeze", op("Reshape", first, integers(-1)), integers(1)),
        op("Unsqueeze", op("Range", number(0), rows, number(1)), integers(0)));
  }
}
