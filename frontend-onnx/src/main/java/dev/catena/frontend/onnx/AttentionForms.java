package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Attention with the past as tensors [batch, kv_heads, past, size], said in products and a softmax: ONNX's own operation
 * (opset 23) where it is part of a language model, and ONNX Runtime's MultiHeadAttention and Attention.
 */
final class AttentionForms extends OperationForms {
  AttentionForms(StageBuilder out) {
    super(out);
  }

  /** ONNX's Attention; null where it gives its scores or counts its keys, which a decoder doesn't ask for. */
  List<Value> standard(OnnxGraph.Node node, List<Value> in) {
    boolean causal = integer(node, "is_causal", 0) != 0;
    long left = integer(node, "left_window_size", -1);
    boolean windowOfBoth = !causal && (left >= 0 || integer(node, "right_window_size", -1) >= 0);
    boolean plain = node.outputs().size() > 3 && !node.outputs().get(3).isEmpty() || optional(in, 6) != null || windowOfBoth;
    if (plain) {
      return null;
    }
    Value q = required(in, 0, "Q");
    boolean flat = q.tensorType().rank() == 3;
    long heads = flat ? positive(node, "q_num_heads") : known(q, 1, "Q");
    Value key = required(in, 1, "K");
    long kvHeads = key.tensorType().rank() == 3 ? positive(node, "kv_num_heads") : known(key, 1, "K");
    if (heads % kvHeads != 0) {
      throw out.broken("has " + heads + " heads over " + kvHeads);
    }
    Value headedQ = headed(q, heads);
    Value presentKey = continued(optional(in, 4), headed(key, kvHeads));
    Value presentValue = continued(optional(in, 5), headed(required(in, 2, "V"), kvHeads));
    Value mask = additive(q, optional(in, 3));
    if (causal) {
      mask = sum(mask, causal(q, headedQ, optional(in, 4), left < 0 ? 0 : left + 1)); // what lies to the right is hidden already
    }
    double scale = node.attributes().containsKey("scale") ? real(node, "scale", 0) : 1 / Math.sqrt(known(headedQ, -1, "Q"));
    Value rows = attended(headedQ, presentKey, presentValue, heads, kvHeads, scale, real(node, "softcap", 0), mask, null);
    return List.of(flat ? rows : heads(rows, heads, known(presentValue, -1, "V")), presentKey, presentValue);
  }

  private Value headed(Value x, long heads) {
    return x.tensorType().rank() == 4 ? x : heads(x, heads, known(x, -1, "operand") / heads);
  }

  /** MultiHeadAttention with queries, keys and values apart, or keys and values of each head together, or all three. */
  List<Value> multiHead(OnnxGraph.Node node, List<Value> in) {
    allow(node, "num_heads", "mask_filter_value", "scale", "unidirectional");
    long heads = positive(node, "num_heads");
    Value q = required(in, 0, "query");
    refuse(node, in, 8);
    if (optional(in, 1) == null && optional(in, 2) == null && q.tensorType().rank() == 5) {
      return packedHeads(node, in, q, heads);
    }
    Value k = required(in, 1, "key");
    if (k.tensorType().rank() == 5 && optional(in, 2) == null && optional(in, 3) == null) {
      List<Value> parts = partsOfHeads(k, heads, 2, "key");
      return apart(node, q, parts.get(0), parts.get(1), heads, optional(in, 6), optional(in, 7), optional(in, 4), optional(in, 5));
    }
    Value v = required(in, 2, "value");
    if (q.tensorType().rank() != 3 || known(q, -1, "query") % heads != 0) {
      throw out.broken("with a query " + q.tensorType().text() + " of " + heads + " heads isn't supported; queries, keys and values"
          + " [batch, rows, heads · size] are");
    }
    long width = known(q, -1, "query");
    if (optional(in, 3) != null) {
      long values = known(v, -1, "value");
      q = op("Add", q, elements(in.get(3), 0, width));
      k = k.tensorType().rank() == 3 ? op("Add", k, elements(in.get(3), width, 2 * width)) : k;
      v = v.tensorType().rank() == 3 ? op("Add", v, elements(in.get(3), 2 * width, 2 * width + values)) : v;
    }
    return apart(node, q, headed(k, heads), headed(v, heads), heads, optional(in, 6), optional(in, 7), optional(in, 4), optional(in, 5));
  }

  /** Queries, keys and values of each head in one operand [batch, rows, heads, 3, size]. */
  private List<Value> packedHeads(OnnxGraph.Node node, List<Value> in, Value all, long heads) {
    if (optional(in, 3) != null) {
      throw out.broken("has a bias for queries, keys and values that come together; Catena knows one for those that come apart");
    }
    List<Value> parts = partsOfHeads(all, heads, 3, "query");
    return apart(node, parts.get(0), parts.get(1), parts.get(2), heads, optional(in, 6), optional(in, 7), optional(in, 4), optional(in, 5));
  }

  /** The parts of [batch, rows, heads, parts, size], each [batch, heads, rows, size]. */
  private List<Value> partsOfHeads(Value all, long heads, int parts, String name) {
    if (known(all, 2, name) != heads || known(all, 3, name) != parts) {
      throw out.broken("can't take " + parts + " parts of " + heads + " heads out of " + all.tensorType().text());
    }
    long[] ones = new long[parts];
    Arrays.fill(ones, 1);
    return out.append("Split", List.of(all, integers(ones)), Map.of("axis", Attribute.of(3)), parts).results().stream()
        .map(part -> turned(op("Squeeze", part, integers(3)))).toList();
  }

  private Value elements(Value vector, long from, long to) {
    return op("Slice", vector, integers(from), integers(to), integers(0));
  }

  /** Attention with one weight for queries, keys and values, and one past [2, batch, heads, past, size] for keys and values. */
  List<Value> packed(OnnxGraph.Node node, List<Value> in) {
    if (integer(node, "do_rotary", 0) != 0) {
      throw out.broken("turns queries and keys itself (do_rotary), as ONNX Runtime does on some GPUs only; fuse the model with"
          + " RotaryEmbedding and MultiHeadAttention");
    }
    allow(node, "num_heads", "mask_filter_value", "scale", "unidirectional", "qkv_hidden_sizes", "do_rotary", "rotary_embedding_dim");
    refuse(node, in, 6);
    Value product = op("MatMul", required(in, 0, "input"), required(in, 1, "weights"));
    return packed(node, optional(in, 2) == null ? product : op("Add", product, in.get(2)), optional(in, 3), optional(in, 4), optional(in, 5));
  }

  /** The same of codes: QAttention. */
  List<Value> quantized(OnnxGraph.Node node, List<Value> in, QuantizedConstants constants) {
    allow(node, "num_heads", "mask_filter_value", "scale", "unidirectional");
    refuse(node, in, 9);
    Value zero = optional(in, 6);
    Value codes = wide(required(in, 0, "input"));
    Value x = op("Mul", zero == null ? codes : op("Sub", codes, wide(zero)), required(in, 3, "input_scale"));
    WeightData zeros = optional(in, 7) == null ? null : data(in.get(7), "weight_zero_point");
    Value weights = constants.dequantized(node.input(1), data(required(in, 1, "weight"), "weight"), data(required(in, 4, "weight_scale"),
        "weight_scale"), zeros, 1, 0);
    if (weights == null) {
      throw out.broken("has a weight of " + in.get(1).type().text() + "; Catena knows matrices of u8 and i8");
    }
    return packed(node, op("Add", op("MatMul", x, weights), required(in, 2, "bias")), optional(in, 5), optional(in, 8), null);
  }

  private Value wide(Value codes) {
    return out.append("Cast", List.of(codes), Map.of("to", new Attribute.Element(ElementType.F32)), 1).result();
  }

  /** @param all queries, keys and values side by side */
  private List<Value> packed(OnnxGraph.Node node, Value all, Value mask, Value past, Value bias) {
    long heads = positive(node, "num_heads");
    OnnxAttribute given = node.attributes().get("qkv_hidden_sizes");
    long third = known(all, -1, "weights") / 3;
    long[] sizes = given == null || given.integers() == null || given.integers().length != 3 ? new long[] {third, third, third}
        : given.integers();
    if (sizes[0] < heads || sizes[0] % heads != 0 || sizes[1] != sizes[0] || sizes[2] < heads || sizes[2] % heads != 0
        || sizes[0] + sizes[1] + sizes[2] != known(all, -1, "weights")) {
      throw out.broken("can't cut " + all.tensorType().text() + " into queries, keys and values of " + heads + " heads");
    }
    List<Value> parts = out.append("Split", List.of(all, integers(sizes)), Map.of("axis", Attribute.of(-1)), 3).results();
    List<Value> results = apart(node, parts.get(0), heads(parts.get(1), heads, sizes[1] / heads),
        heads(parts.get(2), heads, sizes[2] / heads), heads, StackedCache.part(out, past, 0), StackedCache.part(out, past, 1),
        mask, bias);
    return Arrays.asList(results.get(0), node.outputs().size() < 2 ? null : StackedCache.joined(out, results.get(1), results.get(2)));
  }

  private void refuse(OnnxGraph.Node node, List<Value> in, int from) {
    for (int i = from; i < in.size(); i++) {
      if (in.get(i) != null) {
        throw out.broken("has the input '" + node.input(i) + "' (number " + i + "), which Catena doesn't support yet;"
            + " build the model without it");
      }
    }
  }

  private List<Value> apart(OnnxGraph.Node node, Value q, Value k, Value v, long heads, Value pastKey, Value pastValue, Value padding,
      Value bias) {
    Value headedQ = headed(q, heads);
    Value presentKey = continued(pastKey, k);
    Value presentValue = continued(pastValue, v);
    double filter = real(node, "mask_filter_value", -10000);
    Value mask = bias;
    if (padding != null) {
      mask = sum(mask, op("Where", seen(padding, headedQ, presentKey), real(q, 0), real(q, filter)));
    }
    if (integer(node, "unidirectional", 0) != 0) {
      mask = sum(mask, causal(q, headedQ, pastKey, 0));
    }
    double scale = real(node, "scale", 0) == 0 ? 1 / Math.sqrt(known(headedQ, -1, "query")) : real(node, "scale", 0);
    return List.of(attended(headedQ, presentKey, presentValue, heads, heads, scale, 0, mask, null), presentKey, presentValue);
  }

  /**
   * What is seen, as truth values: by a mask of ones and zeros for each position, or row and position; by lengths of sequences
   * [batch]; by their ends and then their starts [2 · batch]; by lengths and what else is told of them [3 · batch + 2].
   */
  private Value seen(Value padding, Value headedQ, Value presentKey) {
    int rank = padding.tensorType().rank();
    Dim batch = headedQ.tensorType().dim(0);
    Dim told = rank == 1 ? padding.tensorType().dim(0) : null;
    boolean starts = rank == 1 && told.equals(batch.times(Dim.of(2)));
    boolean more = rank == 1 && told.equals(batch.times(Dim.of(3)).plus(Dim.of(2)));
    boolean lengths = rank == 1 && (told.equals(batch) || starts || more);
    if (!padding.tensorType().element().isInteger() || rank != 2 && rank != 3 && !lengths) {
      throw out.broken("has a mask " + padding.tensorType().text() + "; Catena knows [batch, positions] and [batch, rows, positions] of ones"
          + " and zeros, lengths [batch], and ends with starts [2 * batch]");
    }
    if (lengths) {
      Value wide = out.append("Cast", List.of(padding), Map.of("to", new Attribute.Element(ElementType.I64)), 1).result();
      Value columns = op("Range", number(0), op("Squeeze", shape(presentKey, 2)), number(1));
      Value sequences = shape(headedQ, 0);
      Value ends = starts || more ? op("Slice", wide, integers(0), sequences, integers(0)) : wide;
      Value seen = op("Less", columns, op("Unsqueeze", ends, integers(1, 2, 3)));
      return !starts ? seen : op("And", seen, op("GreaterOrEqual", columns,
          op("Unsqueeze", op("Slice", wide, sequences, integers(Long.MAX_VALUE), integers(0)), integers(1, 2, 3))));
    }
    Value wide = op("Unsqueeze", padding, rank == 2 ? integers(1, 2) : integers(1));
    return out.append("Cast", List.of(wide), Map.of("to", new Attribute.Element(ElementType.BOOL)), 1).result();
  }

  /** A mask of truth values says what is seen. */
  private Value additive(Value like, Value mask) {
    return mask == null || mask.tensorType().element() != ElementType.BOOL ? mask
        : op("Where", mask, real(like, 0), real(like, lowest(like)));
  }

  /** @param window positions that a row sees, its own among them; 0 for all */
  private Value causal(Value like, Value headedQ, Value past, long window) {
    Value rows = op("Squeeze", shape(headedQ, 2));
    Value before = past == null ? op("Sub", rows, rows) : op("Squeeze", shape(past, 2));
    Value total = op("Add", before, rows);
    Value positions = op("Unsqueeze", op("Range", before, total, number(1)), integers(0));
    return causalMask(like, positions, total, window);
  }

  private Value continued(Value past, Value added) {
    return past == null ? added : joined(2, past, added);
  }

  private Value sum(Value mask, Value other) {
    return mask == null ? other : op("Add", mask, other);
  }

  /** ONNX's RotaryEmbedding, with positions or with angles of the rows; null where how many columns turn isn't known. */
  List<Value> rotary(OnnxGraph.Node node, List<Value> in) {
    Value x = required(in, 0, "X");
    Value cos = required(in, 1, "cos_cache");
    Value sin = required(in, 2, "sin_cache");
    Value positions = optional(in, 3);
    boolean interleaved = integer(node, "interleaved", 0) != 0;
    if (positions == null ? !Rotation.isPicked(cos, sin) : positions.tensorType().rank() != 2) {
      return null;
    }
    Rotation rotation = positions == null ? new Rotation(out, cos, sin, interleaved) : new Rotation(out, cos, sin, positions, interleaved);
    if (x.tensorType().rank() == 4) {
      return List.of(turned(rotation.of(turned(x), known(x, -1, "X"))));
    }
    long heads = positive(node, "num_heads");
    long size = known(x, -1, "X") / heads;
    return List.of(op("Reshape", rotation.of(op("Reshape", x, integers(0, 0, heads, size)), size), integers(0, 0, heads * size)));
  }
}
