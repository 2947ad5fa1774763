package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Brings each node to the one form the dialect knows, the newest opset's: old attributes become operands. */
final class NodeForms {
  private static final Pattern OUTER_PRODUCT = Pattern.compile("([a-zA-Z]),((?!\\1)[a-zA-Z])->\\1\\2");

  private final StageBuilder out;
  private final TensorLoader loader;
  private final long opset;
  private final ContribForms contrib;
  private final AttentionForms attention;
  private boolean languageModel;
  private final FormBuilder builder;
  private final ActivationForms activations;
  private final NormalizationForms normalizations;
  private final QuantizationForms quantization;
  private final TensorForms tensors;
  private final RecurrentForms recurrent;
  private final QuantizedConstants quantized;

  NodeForms(StageBuilder out, NameHints hints, TensorLoader loader, long opset, ContribForms contrib, QuantizedConstants quantized) {
    this.out = out;
    this.loader = loader;
    this.opset = opset;
    this.contrib = contrib;
    this.attention = new AttentionForms(out);
    this.builder = new FormBuilder(out);
    this.activations = new ActivationForms(builder);
    this.normalizations = new NormalizationForms(builder, opset);
    this.quantization = new QuantizationForms(builder);
    this.tensors = new TensorForms(builder, opset);
    this.recurrent = new RecurrentForms(builder, out, hints);
    this.quantized = quantized;
  }

  /** From now on attention is said in products and a softmax, among which a decoder's parts are looked for. */
  void ofLanguageModel() {
    languageModel = true;
    contrib.ofLanguageModel();
  }

  /** The values of the node's results; operands that are absent are null. */
  List<Value> convert(OnnxGraph.Node node, List<Value> operands) {
    if (!node.isStandard()) {
      List<Value> results = node.domain().equals(ContribForms.DOMAIN) ? contrib.convert(node, operands) : null;
      if (results == null) {
        throw unknown(node);
      }
      return results;
    }
    List<Value> in = new ArrayList<>(operands);
    List<Value> taken = languageModel ? StackedCache.taken(node, in) : null;
    if (taken != null) {
      return taken;
    }
    Map<String, OnnxAttribute> given = new LinkedHashMap<>(node.attributes());
    return switch (node.operation()) {
      case "Attention", "RotaryEmbedding" -> {
        List<Value> parts = !languageModel ? null
            : node.operation().equals("Attention") ? attention.standard(node, in) : attention.rotary(node, in);
        yield parts != null ? parts : plain(node, node.operation(), in, given);
      }
      case "Dropout" -> dropout(node, in);
      case "DequantizeLinear" -> {
        Value constant = quantized.dequantizeLinear(node, in);
        yield constant != null ? List.of(constant) : inOthersOrPlain(node, in, given);
      }
      case "Softmax", "LogSoftmax" -> opset < 13 ? flatSoftmax(node, in) : plain(node, node.operation(), in, given);
      case "ConstantOfShape" -> plain(node, node.operation(), in, given);
      case "Einsum" -> {
        builder.begin(node, in);
        yield isOuterProduct(node, in) ? outerProduct(in) : List.of(new EinsumForm(builder).convert());
      }
      case "Scatter" -> plain(node, "ScatterElements", in, given);
      case "Squeeze", "Unsqueeze", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare",
          "ReduceL2" -> {
        attributeToOperand(given, "axes", in, 1);
        yield plain(node, node.operation(), in, given);
      }
      case "Slice" -> {
        attributeToOperand(given, "starts", in, 1);
        attributeToOperand(given, "ends", in, 2);
        attributeToOperand(given, "axes", in, 3);
        yield plain(node, "Slice", in, given);
      }
      case "Split" -> {
        attributeToOperand(given, "split", in, 1);
        List<Value> thirds = languageModel ? thirdsOfHeads(node, in) : null;
        yield thirds != null ? thirds : plain(node, "Split", in, given);
      }
      case "Reshape" -> {
        attributeToOperand(given, "shape", in, 1);
        yield plain(node, "Reshape", in, given);
      }
      case "TopK" -> {
        attributeToOperand(given, "k", in, 1);
        yield plain(node, "TopK", in, given);
      }
      case "Pad" -> {
        attributeToOperand(given, "pads", in, 1);
        bound(given, "value", in, 2);
        yield plain(node, "Pad", in, given);
      }
      case "Range" -> {
        OnnxAttribute stash = given.remove("stash_type"); // of 16-bit ranges: what Catena computes them in
        if (stash != null && stash.integer() != 1) {
          throw out.broken("has stash_type = " + stash.integer() + ", Catena knows 1 (f32)");
        }
        yield plain(node, "Range", in, given);
      }
      case "Resize" -> opset < 11 ? List.of(tensors.resizeOfOpset10(node, in)) : plain(node, "Resize", in, given);
      case "Clip" -> {
        bound(given, "min", in, 1);
        bound(given, "max", in, 2);
        yield plain(node, "Clip", in, given);
      }
      default -> inOthersOrPlain(node, in, given);
    };
  }

  /**
   * Queries, keys and values cut off from heads that hold all three, [batch, heads or rows, rows or heads, 3 · size], by slices,
   * which rules can look at one by one; null where it isn't that.
   */
  private List<Value> thirdsOfHeads(OnnxGraph.Node node, List<Value> in) {
    if (in.isEmpty() || in.get(0) == null || node.outputs().size() != 3 || in.get(0).tensorType().rank() != 4
        || !in.get(0).tensorType().dim(-1).isKnown() || in.get(0).tensorType().dim(-1).value() % 3 != 0) {
      return null;
    }
    OnnxAttribute axis = node.attributes().get("axis");
    long third = in.get(0).tensorType().dim(-1).value() / 3;
    Tensor sizes = in.size() < 2 || in.get(1) == null ? Tensor.i64(new long[] {third, third, third}, 3) : in.get(1).constant();
    if (axis == null || axis.integer() != 3 && axis.integer() != -1 || sizes == null || sizes.size() != 3
        || Arrays.stream(sizes.longs()).anyMatch(size -> size != third)) {
      return null;
    }
    List<Value> thirds = new ArrayList<>();
    for (long from = 0; from < 3 * third; from += third) {
      thirds.add(out.append("Slice", in.get(0), index(from), index(from + third), index(3)));
    }
    return thirds;
  }

  private Value index(long value) {
    return out.constant(Tensor.i64(new long[] {value}, 1), "index");
  }

  private List<Value> inOthersOrPlain(OnnxGraph.Node node, List<Value> in, Map<String, OnnxAttribute> given) {
    List<Value> said = inOthers(node, in);
    return said != null ? said : plain(node, node.operation(), in, given);
  }

  /** The results of an operation that others of the dialect say, or null. */
  private List<Value> inOthers(OnnxGraph.Node node, List<Value> in) {
    builder.begin(node, in);
    List<Value> codes = quantization.convert(node.operation());
    if (codes != null) {
      return codes;
    }
    List<Value> layers = recurrent.convert(node.operation());
    if (layers != null) {
      return layers;
    }
    Value one = activations.convert(node.operation());
    one = one != null ? one : normalizations.convert(node.operation());
    one = one != null ? one : tensors.convert(node.operation());
    return one == null ? null : List.of(one);
  }

  private static boolean isOuterProduct(OnnxGraph.Node node, List<Value> in) {
    OnnxAttribute equation = node.attributes().get("equation");
    String text = equation == null || equation.text() == null ? "" : equation.text().replace(" ", "");
    return OUTER_PRODUCT.matcher(text).matches() && in.size() == 2 && !in.contains(null);
  }

  /** The outer product of two vectors, as angles of rotary positions are computed, in the words that rules know. */
  private List<Value> outerProduct(List<Value> in) {
    return List.of(out.append("Mul", out.append("Unsqueeze", in.get(0), out.constant(Tensor.i64(new long[] {1}, 1), "axes")),
        out.append("Unsqueeze", in.get(1), out.constant(Tensor.i64(new long[] {0}, 1), "axes"))));
  }

  private OnnxException unknown(OnnxGraph.Node node) {
    String domain = node.domain().isEmpty() ? "ai.onnx" : node.domain();
    boolean subgraph = node.attributes().values().stream().anyMatch(a -> a.type() == OnnxAttribute.Type.GRAPH);
    return new OnnxException(out.origin() + ": operation " + node.operation() + " (domain " + domain + ") "
        + (subgraph && node.isStandard() ? "isn't supported by Catena yet" : "is not known to Catena"));
  }

  private List<Value> plain(OnnxGraph.Node node, String operation, List<Value> in, Map<String, OnnxAttribute> given) {
    OpDefinition definition = Dialects.find("onnx." + operation);
    if (definition == null || !definition.regions().isEmpty() || operation.equals("Constant")) {
      throw unknown(node);
    }
    requireOperands(definition, in);
    while (!in.isEmpty() && in.get(in.size() - 1) == null && !isVariadic(definition)) {
      in.remove(in.size() - 1);
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    for (OnnxAttribute a : given.values()) {
      OpDefinition.AttributeSpec spec = definition.attributes().get(a.name());
      if (spec == null) {
        throw out.broken("has the attribute '" + a.name() + "', which Catena doesn't know");
      }
      attributes.put(a.name(), attribute(a, spec.kind()));
    }
    for (OpDefinition.AttributeSpec spec : definition.attributes().values()) {
      if (spec.required() && !attributes.containsKey(spec.name())) {
        throw out.broken("lacks the attribute '" + spec.name() + "'");
      }
    }
    int results = results(node, definition);
    Operation op = out.append(operation, in, attributes, results);
    return op.results();
  }

  private static boolean isVariadic(OpDefinition definition) {
    return definition.operands().stream().anyMatch(o -> o.arity() == OpDefinition.Arity.VARIADIC);
  }

  private void requireOperands(OpDefinition definition, List<Value> in) {
    List<OpDefinition.OperandSpec> specs = definition.operands();
    if (isVariadic(definition)) {
      if (in.isEmpty() || in.contains(null)) {
        throw out.broken("needs its operands, " + (in.isEmpty() ? "none is" : "not all are") + " given");
      }
      return;
    }
    if (in.size() > specs.size()) {
      throw out.broken("has " + in.size() + " inputs, it takes at most " + specs.size());
    }
    for (int i = 0; i < specs.size(); i++) {
      if (specs.get(i).arity() == OpDefinition.Arity.ONE && (i >= in.size() || in.get(i) == null)) {
        throw out.broken("lacks the input '" + specs.get(i).name() + "'");
      }
    }
  }

  private int results(OnnxGraph.Node node, OpDefinition definition) {
    int n = node.outputs().size();
    while (n > 0 && node.outputs().get(n - 1).isEmpty()) {
      n--;
    }
    boolean open = definition.results().get(0).arity() == OpDefinition.Arity.VARIADIC;
    if (n == 0 || !open && n > definition.results().size()) {
      throw out.broken("has " + n + " outputs" + (open ? "" : ", it gives " + definition.results().size()));
    }
    // Outputs that a file leaves out at the end are made all the same: nobody reads them.
    while (!open && n < definition.results().size() && definition.results().get(n).arity() == OpDefinition.Arity.ONE) {
      n++;
    }
    return n;
  }

  private Attribute attribute(OnnxAttribute a, Class<? extends Attribute> kind) {
    if (kind == Attribute.Int.class && a.type() == OnnxAttribute.Type.INTEGER) {
      return new Attribute.Int(a.integer());
    } else if (kind == Attribute.Real.class && a.type() == OnnxAttribute.Type.REAL) {
      // The shortest decimal that names this f32: it prints as it was written, and rounds back to the same bits.
      return new Attribute.Real(Double.parseDouble(Float.toString(a.real())));
    } else if (kind == Attribute.Text.class && a.type() == OnnxAttribute.Type.TEXT) {
      return new Attribute.Text(a.text());
    } else if (kind == Attribute.Ints.class && a.type() == OnnxAttribute.Type.INTEGERS) {
      return Attribute.ints(a.integers());
    } else if (kind == Attribute.Ints.class && a.type() == OnnxAttribute.Type.OTHER) {
      return Attribute.ints(); // an empty list carries no field in old files
    } else if (kind == Attribute.Dense.class && a.type() == OnnxAttribute.Type.TENSOR && a.tensor() != null) {
      return new Attribute.Dense(loader.tensor(a.tensor()));
    } else if (kind == Attribute.Element.class && a.type() == OnnxAttribute.Type.INTEGER) {
      return new Attribute.Element(ElementTypes.require(a.integer(), out.origin()));
    }
    throw out.broken("has an attribute '" + a.name() + "' of an unexpected kind");
  }

  private void attributeToOperand(Map<String, OnnxAttribute> given, String name, List<Value> in, int index) {
    OnnxAttribute a = given.get(name);
    if (a == null || a.type() != OnnxAttribute.Type.INTEGERS && a.type() != OnnxAttribute.Type.INTEGER) {
      return;
    }
    given.remove(name);
    long[] values = a.type() == OnnxAttribute.Type.INTEGER ? new long[] {a.integer()} : a.integers();
    place(in, index, out.constant(Tensor.i64(values, values.length), name));
  }

  /** A bound of Clip or the constant of Pad, before opset 11. */
  private void bound(Map<String, OnnxAttribute> given, String name, List<Value> in, int index) {
    OnnxAttribute a = given.get(name);
    if (a == null || a.type() != OnnxAttribute.Type.REAL || in.isEmpty() || in.get(0) == null) {
      return;
    }
    given.remove(name);
    Tensor value = new Tensor(in.get(0).tensorType().element());
    value.set(0, a.real());
    place(in, index, out.constant(value, name));
  }

  private static void place(List<Value> in, int index, Value value) {
    while (in.size() <= index) {
      in.add(null);
    }
    in.set(index, value);
  }

  /** Before opset 13 softmax saw a matrix: the axes before {@code axis} (1 by default), and all the rest together. */
  private List<Value> flatSoftmax(OnnxGraph.Node node, List<Value> in) {
    requireOperands(Dialects.get("onnx.Softmax"), in);
    Value x = in.get(0);
    TensorType type = x.tensorType();
    OnnxAttribute given = node.attributes().get("axis");
    long axis = given == null ? 1 : given.integer();
    long from = axis < 0 ? axis + type.rank() : axis;
    boolean oneAxis = from == type.rank() - 1 || type.rank() == 0;
    Map<String, Attribute> last = Map.of("axis", Attribute.of(-1));
    if (oneAxis) {
      return out.append(node.operation(), List.of(x), last, 1).results();
    }
    Value shape = out.append("Shape", x);
    Value flat = out.append("Flatten", List.of(x), Map.of("axis", Attribute.of(axis)), 1).result();
    Value soft = out.append(node.operation(), List.of(flat), last, 1).result();
    return List.of(out.append("Reshape", soft, shape));
  }

  /** Dropout does nothing outside training; its mask is then all ones. */
  private List<Value> dropout(OnnxGraph.Node node, List<Value> in) {
    if (in.isEmpty() || in.get(0) == null) {
      throw out.broken("lacks the input 'data'");
    }
    if (in.size() > 2 && in.get(2) != null) {
      Tensor training = in.get(2).constant();
      if (training == null || training.getLong(0) != 0) {
        throw out.broken("is in training mode, which isn't supported");
      }
    }
    Value x = in.get(0);
    Value same = out.append("Identity", List.of(x), Map.of(), 1).result();
    if (node.outputs().size() < 2 || node.outputs().get(1).isEmpty()) {
      return List.of(same);
    }
    Tensor yes = Tensor.ofLongs(ElementType.BOOL, new long[] {1}, 1);
    Value shape = out.append("Shape", x);
    return Arrays.asList(same, out.append("ConstantOfShape", List.of(shape),
        Map.of("value", new Attribute.Dense(yes)), 1).result());
  }
}
