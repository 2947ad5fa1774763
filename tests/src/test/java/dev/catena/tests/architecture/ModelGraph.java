package dev.catena.tests.architecture;

import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import java.util.List;
import java.util.Random;

/** A whole model in the making, from the blocks that torch's exporter makes of the usual modules. */
final class ModelGraph {
  private static final OnnxElement F32 = OnnxElement.F32;

  final OnnxGraphWriter writer;
  private final int opset;
  private final Random random;
  private int next;

  ModelGraph(int opset, long seed) {
    this.opset = opset;
    writer = new OnnxGraphWriter(opset);
    random = new Random(seed);
  }

  String op(String type, List<String> operands, OnnxAttribute... attributes) {
    String result = "/" + type + "_" + next++;
    writer.node(type, result, operands, List.of(result), attributes);
    return result;
  }

  String[] ops(int results, String type, List<String> operands, OnnxAttribute... attributes) {
    String[] names = new String[results];
    for (int i = 0; i < results; i++) {
      names[i] = "/" + type + "_" + next++;
    }
    writer.node(type, names[0], operands, List.of(names), attributes);
    return names;
  }

  /** An operation of ONNX Runtime's own domain. */
  String[] contrib(int results, String type, List<String> operands, OnnxAttribute... attributes) {
    String[] names = new String[results];
    for (int i = 0; i < results; i++) {
      names[i] = type.startsWith("Skip") && (i == 1 || i == 2) ? "" : "/" + type + "_" + next++;
    }
    writer.contrib(type, operands, List.of(names), attributes);
    return names;
  }

  void output(String name, String value) {
    writer.node("Identity", "give_" + name, List.of(value), List.of(name));
  }

  String longs(long... values) {
    return op("Constant", List.of(), OnnxAttribute.tensor("value", OnnxContent.longs(values, values.length)));
  }

  String index(long value) {
    return op("Constant", List.of(), OnnxAttribute.tensor("value", OnnxContent.longs(new long[] {value})));
  }

  String real(double value) {
    return op("Constant", List.of(), OnnxAttribute.tensor("value", OnnxContent.reals(F32, new float[] {(float) value})));
  }

  /** Random numbers of the given mean and deviation. */
  String weight(double mean, double deviation, long... shape) {
    int n = 1;
    for (long d : shape) {
      n *= (int) d;
    }
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (mean + random.nextGaussian() * deviation);
    }
    return given(values, shape);
  }

  String given(float[] values, long... shape) {
    String name = "model.weight." + next++;
    writer.initializer(name, OnnxContent.reals(F32, values, shape));
    return name;
  }

  /** torch.nn.Linear on three dimensions: MatMul, and an Add where there is a bias. */
  String linear(String x, int from, int to, double gain, boolean bias) {
    String product = op("MatMul", List.of(x, weight(0, gain / Math.sqrt(from), from, to)));
    return bias ? op("Add", List.of(weight(0, 0.3, to), product)) : product;
  }

  /** GPT-2's Conv1D: rows flattened, Gemm, and unfolded again. */
  String conv1d(String x, int from, int to, double gain) {
    String flat = op("Reshape", List.of(x, longs(-1, from)));
    String product = op("Gemm", List.of(flat, weight(0, gain / Math.sqrt(from), from, to), weight(0, 0.3, to)));
    String sizes = op("Concat", List.of(size(x, 0), size(x, 1), longs(to)), OnnxAttribute.of("axis", 0));
    return op("Reshape", List.of(product, sizes));
  }

  /** torch.nn.LayerNorm: the operator from opset 17 on, before that in pieces. */
  String layerNorm(String x, int width, boolean bias) {
    String w = weight(1, 0.2, width);
    String b = bias ? weight(0, 0.2, width) : null;
    if (opset >= 17) {
      return op("LayerNormalization", bias ? List.of(x, w, b) : List.of(x, w), OnnxAttribute.of("axis", -1),
          OnnxAttribute.of("epsilon", 1e-5f));
    }
    String centred = op("Sub", List.of(x, mean(x)));
    String variance = mean(op("Pow", List.of(centred, real(2))));
    String scaled = op("Mul", List.of(op("Div", List.of(centred, op("Sqrt", List.of(op("Add", List.of(variance, real(1e-5))))))), w));
    return bias ? op("Add", List.of(scaled, b)) : scaled;
  }

  /** Llama's norm, or, with {@code plusOne}, Gemma's, which stores its scales less one. */
  String rmsNorm(String x, int width, boolean plusOne) {
    String square = op("Pow", List.of(x, real(2)));
    String root = op("Sqrt", List.of(op("Add", List.of(mean(square), real(1e-6)))));
    String normed = op("Mul", List.of(x, op("Div", List.of(real(1), root))));
    String w = plusOne ? op("Add", List.of(weight(0, 0.2, width), real(1))) : weight(1, 0.2, width);
    return plusOne ? op("Mul", List.of(normed, w)) : op("Mul", List.of(w, normed));
  }

  private String mean(String x) {
    return reduced("ReduceMean", x);
  }

  /** Of each row. */
  String largest(String x) {
    return reduced("ReduceMax", x);
  }

  private String reduced(String type, String x) {
    return opset >= 18 ? op(type, List.of(x, longs(-1)), OnnxAttribute.of("keepdims", 1))
        : op(type, List.of(x), OnnxAttribute.ints("axes", -1), OnnxAttribute.of("keepdims", 1));
  }

  String gelu(String x) {
    String erf = op("Erf", List.of(op("Div", List.of(x, real(Math.sqrt(2))))));
    return op("Mul", List.of(op("Mul", List.of(x, op("Add", List.of(erf, real(1))))), real(0.5)));
  }

  /** NewGELU: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))). */
  String geluNew(String x) {
    String cube = op("Mul", List.of(op("Pow", List.of(x, real(3))), real(0.044715)));
    String angle = op("Mul", List.of(op("Add", List.of(x, cube)), real(Math.sqrt(2 / Math.PI))));
    return op("Mul", List.of(op("Mul", List.of(x, real(0.5))), op("Add", List.of(op("Tanh", List.of(angle)), real(1)))));
  }

  String silu(String x) {
    return op("Mul", List.of(x, op("Sigmoid", List.of(x))));
  }

  /** cap · tanh(x / cap). */
  String softcap(String x, double cap) {
    return op("Mul", List.of(op("Tanh", List.of(op("Div", List.of(x, real(cap))))), real(cap)));
  }

  /** One size, as a vector. */
  String size(String x, int axis) {
    return op("Unsqueeze", List.of(op("Gather", List.of(op("Shape", List.of(x)), index(axis)), OnnxAttribute.of("axis", 0)),
        longs(0)));
  }

  /** One size, as a number. */
  String length(String x, int axis) {
    return op("Gather", List.of(op("Shape", List.of(x)), index(axis)), OnnxAttribute.of("axis", 0));
  }

  /** [b, s, heads·dim] as [b, s, heads, dim]. */
  String cut(String x, int heads, int dim) {
    return op("Reshape", List.of(x, op("Concat", List.of(size(x, 0), size(x, 1), longs(heads), longs(dim)), OnnxAttribute.of("axis", 0))));
  }

  String turned(String heads) {
    return op("Transpose", List.of(heads), OnnxAttribute.ints("perm", 0, 2, 1, 3));
  }

  String columns(String x, long from, long to, long step) {
    return op("Slice", List.of(x, longs(from), longs(to), longs(3), longs(step)));
  }

  String joined(long axis, String... parts) {
    return op("Concat", List.of(parts), OnnxAttribute.of("axis", axis));
  }
}
