package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.BlockQuantizedWeight;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.QuantType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
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
final class ContribForms {
  static final String DOMAIN = "com.microsoft";
  private static final int PAST_KEY = 3;
  private static final int PAST_VALUE = 4;
  private static final int LENGTHS = 5;
  private static final int COS = 7;
  private static final int SIN = 8;

  private final StageBuilder out;
  private final WeightPool weights;
  private final QuantizedConstants quantized;

  ContribForms(StageBuilder out, WeightPool weights, QuantizedConstants quantized) {
    this.out = out;
    this.weights = weights;
    this.quantized = quantized;
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
      case "MatMulNBits" -> matMulNBits(node, in);
      case "DynamicQuantizeMatMul" -> List.of(dynamicQuantizeMatMul(node, in));
      case "QuickGelu" -> {
        allow(node, "alpha");
        Value x = required(in, 0, "X");
        yield List.of(op("Mul", x, op("Sigmoid", op("Mul", x, real(x, real(node, "alpha", 1.702f))))));
      }
      default -> null;
    };
  }

  /** x + skip (+ bias) is what the next residual branch is added to, and the norm of it; the bias stands last. */
  private List<Value> skipNorm(OnnxGraph.Node node, List<Value> in, int bias, String norm) {
    Value sum = op("Add", required(in, 0, "input"), required(in, 1, "skip"));
    if (optional(in, bias) != null) {
      sum = op("Add", sum, in.get(bias));
    }
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

  private Value rotaryEmbedding(OnnxGraph.Node node, List<Value> in) {
    allow(node, "interleaved", "num_heads", "rotary_embedding_dim", "scale");
    Value x = required(in, 0, "input");
    Value positions = required(in, 1, "position_ids");
    Value cos = required(in, 2, "cos_cache");
    TensorType type = x.tensorType();
    long rotated = 2 * known(cos, -1, "cos_cache");
    boolean interleaved = integer(node, "interleaved", 0) != 0;
    if (positions.tensorType().rank() < 2) {
      throw out.broken("takes one offset as its position_ids, which Catena doesn't support; export positions [batch, seq]");
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
    if (bits != 4 && bits != 8 || block % 8 != 0) {
      throw out.broken("has codes of " + bits + " bits in blocks of " + block + "; Catena knows 4 and 8 bits, blocks of a"
          + " multiple of 8");
    }
    if (optional(in, 4) != null) {
      throw out.broken("has the input 'g_idx', which Catena doesn't support; quantize without reordered columns");
    }
    WeightData scales = data(required(in, 2, "scales"), "scales");
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    ElementType code = bits == 4 ? ElementType.U4 : ElementType.U8;
    QuantType type = new QuantType(code, block,
        scales.tensorType().element() == ElementType.F16 ? ElementType.F16 : ElementType.F32, zeros == null ? null : code, List.of(Dim.of(n), Dim.of(k)));
    WeightData matrix;
    try {
      matrix = new BlockQuantizedWeight(data(required(in, 1, "B"), "B"), scales, zeros, type);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
    Value weight = weights.add(node.input(1), matrix).value();
    Value product = out.append("nn.linear", List.of(required(in, 0, "A"), weight), Map.of(), 1).result();
    return List.of(optional(in, 5) == null ? product : op("Add", product, in.get(5)));
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
    WeightData data = QuantizedConstants.data(v);
    if (data == null) {
      throw out.broken("computes its input '" + name + "', which must be a constant");
    }
    return data;
  }

  /**
   * Attention with the past as tensors [batch, kv_heads, past, size]. Row i of a sequence stands at position
   * seqlens_k + 1 − rows + i and sees the positions up to its own, the last local_window_size of them where that is given.
   */
  private List<Value> groupQueryAttention(OnnxGraph.Node node, List<Value> in) {
    allow(node, "num_heads", "kv_num_heads", "scale", "softcap", "do_rotary", "rotary_interleaved", "local_window_size");
    for (int i = SIN + 1; i < in.size(); i++) {
      if (in.get(i) != null) {
        throw out.broken("has the input '" + node.input(i) + "' (number " + i + "), which Catena doesn't support yet;"
            + " build the model without it");
      }
    }
    long heads = positive(node, "num_heads");
    long kvHeads = positive(node, "kv_num_heads");
    Value pastKey = required(in, PAST_KEY, "past_key");
    Value pastValue = required(in, PAST_VALUE, "past_value");
    long size = known(pastKey, -1, "past_key");
    Value q = required(in, 0, "query");
    Value k = optional(in, 1);
    Value v = optional(in, 2);
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
    Value headedQ = op("Reshape", q, integers(0, 0, heads, size));
    Value headedK = op("Reshape", k, integers(0, 0, kvHeads, size));
    if (integer(node, "do_rotary", 0) != 0) {
      Rotation rotation = new Rotation(out, required(in, COS, "cos_cache"), required(in, SIN, "sin_cache"), positions,
          integer(node, "rotary_interleaved", 0) != 0);
      headedQ = rotation.of(headedQ, size);
      headedK = rotation.of(headedK, size);
    }
    Value headedV = turned(op("Reshape", v, integers(0, 0, kvHeads, size)));
    Value presentKey = joined(2, pastKey, turned(headedK));
    Value presentValue = joined(2, pastValue, headedV);
    double scale = real(node, "scale", 0) == 0 ? 1 / Math.sqrt(size) : real(node, "scale", 0);
    Value keys = repeated(presentKey, kvHeads, heads, size);
    Value scores = op("Mul", op("MatMul", turned(headedQ), transposed(keys, 0, 1, 3, 2)), real(q, scale));
    double cap = real(node, "softcap", 0);
    if (cap != 0) {
      scores = op("Mul", op("Tanh", op("Div", scores, real(q, cap))), real(q, cap));
    }
    Value masked = op("Add", scores, mask(q, positions, pastKey, integer(node, "local_window_size", -1)));
    Value shares = out.append("Softmax", List.of(masked), Map.of("axis", Attribute.of(-1)), 1).result();
    Value mixed = turned(op("MatMul", shares, repeated(presentValue, kvHeads, heads, size)));
    return List.of(op("Reshape", mixed, integers(0, 0, heads * size)), presentKey, presentValue);
  }

  /** [batch, rows] */
  private Value positions(Value x, Value lengths) {
    Value rows = op("Squeeze", shape(x, 1));
    Value first = op("Sub", out.append("Cast", List.of(lengths), Map.of("to", new Attribute.Element(ElementType.I64)), 1).result(), op("Sub", rows, number(1)));
    return op("Add", op("Unsqueeze", op("Reshape", first, integers(-1)), integers(1)),
        op("Unsqueeze", op("Range", number(0), rows, number(1)), integers(0)));
  }

  /** [batch, 1, rows, total], additive. */
  private Value mask(Value x, Value positions, Value past, long window) {
    Value total = op("Squeeze", op("Add", shape(past, 2), shape(x, 1)));
    Value columns = op("Range", number(0), total, number(1));
    Value own = op("Unsqueeze", positions, integers(1, 3));
    Value hidden = op("Greater", columns, own);
    if (window > 0) {
      hidden = op("Or", hidden, op("LessOrEqual", columns, op("Sub", own, number(window))));
    }
    double lowest = x.tensorType().element() == ElementType.F16 ? -65504 : -Float.MAX_VALUE;
    return op("Where", hidden, real(x, lowest), real(x, 0));
  }

  private Value repeated(Value x, long kvHeads, long heads, long size) {
    if (kvHeads == heads) {
      return x;
    }
    return op("Reshape", op("Expand", op("Unsqueeze", x, integers(2)), integers(1, 1, heads / kvHeads, 1, 1)),
        integers(0, heads, -1, size));
  }

  private Value shape(Value x, long axis) {
    return out.append("Shape", List.of(x), Map.of("start", Attribute.of(axis), "end", Attribute.of(axis + 1)), 1).result();
  }

  private Value turned(Value x) {
    return transposed(x, 0, 2, 1, 3);
  }

  private Value transposed(Value x, long... order) {
    return out.append("Transpose", List.of(x), Map.of("perm", Attribute.ints(order)), 1).result();
  }

  private Value joined(long axis, Value... parts) {
    return out.append("Concat", List.of(parts), Map.of("axis", Attribute.of(axis)), 1).result();
  }

  private Value op(String operation, Value... operands) {
    return out.append(operation, operands);
  }

  private Value integers(long... values) {
    return out.constant(Tensor.i64(values, values.length), "sizes");
  }

  private Value number(long value) {
    return out.constant(Tensor.i64(new long[] {value}), "number");
  }

  /** A number of {@code like}'s type. */
  private Value real(Value like, double value) {
    Tensor t = new Tensor(like.tensorType().element());
    t.set(0, value);
    return out.constant(t, "number");
  }

  private Value required(List<Value> in, int index, String name) {
    Value v = optional(in, index);
    if (v == null) {
      throw out.broken("lacks the input '" + name + "'");
    }
    return v;
  }

  private static Value optional(List<Value> in, int index) {
    return index < in.size() ? in.get(index) : null;
  }

  private long known(Value v, int axis, String name) {
    TensorType t = v.tensorType();
    if (t.rank() == 0 || !t.dim(axis).isKnown() || t.dim(axis).value() < 1) {
      throw out.broken("needs a fixed last size of '" + name + "', which is " + t.text());
    }
    return t.dim(axis).value();
  }

  private void allow(OnnxGraph.Node node, String... names) {
    for (OnnxAttribute a : node.attributes().values()) {
      boolean off = a.type() == OnnxAttribute.Type.INTEGER && (a.integer() == 0 || a.integer() == -1)
          || a.type() == OnnxAttribute.Type.REAL && a.real() == 0
          || a.type() == OnnxAttribute.Type.TEXT && (a.text().isEmpty() || a.text().equals("NONE"));
      if (!Set.of(names).contains(a.name()) && !off) {
        throw out.broken("has the attribute '" + a.name() + "', which Catena doesn't know");
      }
    }
  }

  private long positive(OnnxGraph.Node node, String name) {
    return positiveUpTo(node, name, 1 << 16);
  }

  private long positiveUpTo(OnnxGraph.Node node, String name, long most) {
    long n = integer(node, name, 0);
    if (n < 1 || n > most) {
      throw out.broken("has " + name + " = " + n);
    }
    return n;
  }

  private static long integer(OnnxGraph.Node node, String name, long otherwise) {
    OnnxAttribute a = node.attributes().get(name);
    return a == null || a.type() != OnnxAttribute.Type.INTEGER ? otherwise : a.integer();
  }

  private static float real(OnnxGraph.Node node, String name, float otherwise) {
    OnnxAttribute a = node.attributes().get(name);
    return a == null || a.type() != OnnxAttribute.Type.REAL ? otherwise : a.real();
  }
}
