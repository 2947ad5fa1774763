package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * ONNX Runtime's contrib operations (domain com.microsoft, docs/ContribOperators.md there), said in ONNX's own. So whatever
 * Catena proves of an exporter's graph, that a mask is causal, that positions are consecutive, it proves of these, too.
 */
final class ContribForms extends OperationForms {
  static final String DOMAIN = "com.microsoft";
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
  private final BlockQuantizedForms blockQuantized;
  private final FusedForms fused;
  private final ExpertForms experts;
  private boolean languageModel;

  ContribForms(StageBuilder out, WeightPool weights, QuantizedConstants quantized) {
    super(out);
    this.weights = weights;
    this.quantized = quantized;
    this.attention = new AttentionForms(out);
    this.blockQuantized = new BlockQuantizedForms(out, weights, quantized);
    this.fused = new FusedForms(out);
    this.experts = new ExpertForms(out);
  }

  void ofLanguageModel() {
    languageModel = true;
    blockQuantized.ofLanguageModel();
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
      case "QAttention" -> attention.quantized(node, in, quantized);
      case "MatMulNBits" -> List.of(blockQuantized.matMulNBits(node, in));
      case "GatherBlockQuantized" -> List.of(blockQuantized.gatherBlockQuantized(node, in));
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
      case "FusedMatMul", "TransposeMatMul" -> List.of(fused.matMul(node, in));
      case "FusedGemm" -> List.of(fused.gemm(node, in));
      case "FusedConv" -> List.of(fused.conv(node, in));
      case "BiasSoftmax" -> List.of(fused.biasSoftmax(node, in));
      case "EmbedLayerNormalization" -> embedLayerNormalization(node, in);
      case "MoE" -> {
        if (languageModel) {
          throw out.broken("is a mixture of experts, of which Catena makes no language model's layer yet; in one file such a model is a graph for"
              + " 'catena exec'");
        }
        yield List.of(experts.mixed(node, in));
      }
      case "DynamicQuantizeMatMul" -> List.of(dynamicQuantizeMatMul(node, in));
      case "QuickGelu" -> {
        allow(node, "alpha");
        Value x = required(in, 0, "X");
        yield List.of(op("Mul", x, op("Sigmoid", op("Mul", x, real(x, real(node, "alpha", 1.702f))))));
      }
      default -> null;
    };
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
    Value normed = out.append(norm, operands, Map.of("axis", Attribute.of(-1), "epsilon", epsilon(node, 1e-12f)), 1).result();
    for (int i = 1; i <= 2; i++) {
      if (i < node.outputs().size() && !node.outputs().get(i).isEmpty()) {
        throw out.broken("gives its mean or deviation, which Catena doesn't support; export the model for inference");
      }
    }
    return Arrays.asList(normed, null, null, sum);
  }

  /** BERT's embeddings: of words, positions and segments, summed and normalized; and how many of a row's tokens the mask leaves. */
  private List<Value> embedLayerNormalization(OnnxGraph.Node node, List<Value> in) {
    allow(node, "epsilon", "mask_index_type");
    Value ids = required(in, 0, "input_ids");
    Value positions = optional(in, 8) != null ? in.get(8)
        : op("Range", number(0), op("Squeeze", shape(ids, 1)), number(1));
    Value sum = op("Add", rows(required(in, 2, "word_embedding"), ids), rows(required(in, 3, "position_embedding"), positions));
    if (optional(in, 1) != null && optional(in, 4) != null) {
      sum = op("Add", sum, rows(in.get(4), in.get(1)));
    }
    Value normed = out.append("LayerNormalization", List.of(sum, required(in, 5, "gamma"), required(in, 6, "beta")),
        Map.of("axis", Attribute.of(-1), "epsilon", epsilon(node, 1e-12f)), 1).result();
    Value mask = optional(in, 7);
    Value left = out.append("Cast", List.of(mask == null ? op("Expand", number(0), shape(ids, 0))
        : out.append("ReduceSum", List.of(mask, integers(1)), Map.of("keepdims", Attribute.of(0)), 1).result()),
        Map.of("to", new Attribute.Element(ElementType.I32)), 1).result();
    return List.of(normed, left, sum);
  }

  private Value rows(Value table, Value index) {
    return out.append("Gather", List.of(table, index), Map.of("axis", Attribute.of(0)), 1).result();
  }

  private static Attribute epsilon(OnnxGraph.Node node, float otherwise) {
    return new Attribute.Real(Double.parseDouble(Float.toString(real(node, "epsilon", otherwise))));
  }

  private static boolean isProduct(Value v) {
    return v.producer() != null && (v.producer().is("onnx.MatMul") || v.producer().is("nn.linear"));
  }

  private Value rotaryEmbedding(OnnxGraph.Node node, List<Value> in) {
    allow(node, "interleaved", "num_heads", "rotary_embedding_dim", "scale", "is_packed_batching"); // ONNX Runtime reads no scale
    Value x = required(in, 0, "input");
    Value positions = required(in, 1, "position_ids");
    Value cos = required(in, 2, "cos_cache");
    TensorType type = x.tensorType();
    long rotated = 2 * known(cos, -1, "cos_cache");
    boolean interleaved = integer(node, "interleaved", 0) != 0;
    if (positions.tensorType().rank() < 2 && integer(node, "is_packed_batching", 0) != 0) {
      throw out.broken("packs sequences (is_packed_batching) without a position for each row");
    }
    if (positions.tensorType().rank() < 2) {
      positions = fromOffset(x, positions);
    }
    long wanted = integer(node, "rotary_embedding_dim", 0);
    if (wanted != 0 && wanted != rotated) {
      throw out.broken("has rotary_embedding_dim = " + wanted + " and tables for " + rotated);
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
