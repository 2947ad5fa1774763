package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import java.util.List;

/** Normalizations and reductions that the standard defines by other operations, said in those. */
final class NormalizationForms {
  private static final long[] IMAGE_AXES = {0, 2, 3};

  private final FormBuilder b;
  private final long opset;

  NormalizationForms(FormBuilder builder, long opset) {
    b = builder;
    this.opset = opset;
  }

  /** The result, or null where the operation is none of these. */
  Value convert(String operation) {
    return switch (operation) {
      case "BatchNormalization" -> batch();
      case "InstanceNormalization" -> instance();
      case "GroupNormalization" -> group();
      case "MeanVarianceNormalization" -> meanVariance();
      case "LpNormalization" -> byNorm();
      case "GlobalAveragePool" -> global("ReduceMean");
      case "GlobalMaxPool" -> global("ReduceMax");
      case "GlobalLpPool" -> globalNorm();
      case "LRN" -> acrossChannels();
      case "ReduceL1" -> reduced("ReduceSum", b.op("Abs", b.operand(0, "data")));
      case "ReduceLogSum" -> b.op("Log", reduced("ReduceSum", b.operand(0, "data")));
      case "ReduceLogSumExp" -> logSumExp();
      default -> null;
    };
  }

  private Value global(String reduction) {
    b.allow();
    Value x = b.operand(0, "X");
    return b.reduce(reduction, x, FormBuilder.axesFrom(2, FormBuilder.rank(x)));
  }

  /** (x - mean) / sqrt(variance + epsilon), with statistics over {@code axes} of x itself. */
  private Value standardized(Value x, double epsilon, long... axes) {
    Value centred = b.op("Sub", x, b.reduce("ReduceMean", x, axes));
    return scaledDown(centred, b.reduce("ReduceMean", b.op("Mul", centred, centred), axes), epsilon);
  }

  private Value scaledDown(Value centred, Value variance, double epsilon) {
    return b.op("Div", centred, b.op("Sqrt", b.op("Add", variance, b.number(variance, epsilon))));
  }

  private Value affine(Value x, Value scale, Value bias) {
    return b.op("Add", b.op("Mul", x, scale), bias);
  }

  private Value batch() {
    b.allow("epsilon", "momentum", "training_mode", "spatial");
    if (b.integer("training_mode", 0) != 0 || b.wants(1)) {
      throw b.broken("is in training mode, which isn't supported");
    }
    if (b.integer("spatial", 1) != 1) {
      throw b.broken("has statistics of each place (spatial = 0), which isn't supported");
    }
    Value x = b.operand(0, "X");
    ElementType type = FormBuilder.element(x);
    Value[] parameters = new Value[4];
    List<String> names = List.of("scale", "B", "input_mean", "input_var");
    for (int i = 0; i < 4; i++) {
      parameters[i] = b.cast(b.along(b.operand(i + 1, names.get(i)), 1, FormBuilder.rank(x)), type);
    }
    Value normed = scaledDown(b.op("Sub", x, parameters[2]), parameters[3], b.real("epsilon", 1e-5));
    return affine(normed, parameters[0], parameters[1]);
  }

  private Value instance() {
    b.allow("epsilon");
    Value x = b.operand(0, "input");
    int rank = FormBuilder.rank(x);
    return affine(standardized(x, b.real("epsilon", 1e-5), FormBuilder.axesFrom(2, rank)),
        b.along(b.operand(1, "scale"), 1, rank), b.along(b.operand(2, "B"), 1, rank));
  }

  /** Before opset 21 each group has a scale, from then on each channel. */
  private Value group() {
    b.allow("epsilon", "num_groups", "stash_type");
    Value x = b.operand(0, "X");
    long groups = b.integer("num_groups", 0);
    int rank = FormBuilder.rank(x);
    if (groups < 1 || rank < 2) {
      throw b.broken("has num_groups = " + groups + " for a tensor of rank " + rank);
    }
    Value scale = b.operand(1, "scale");
    Value bias = b.operand(2, "bias");
    Value wide = FormBuilder.element(x) == ElementType.F64 ? x : b.cast(x, ElementType.F32);
    Value normed = b.cast(standardized(b.reshape(wide, 0, groups, -1), b.real("epsilon", 1e-5), 2), FormBuilder.element(x));
    if (opset < 21) {
      return b.op("Reshape", affine(normed, b.along(scale, 0, 2), b.along(bias, 0, 2)), b.shape(x));
    }
    return affine(b.op("Reshape", normed, b.shape(x)), b.along(scale, 1, rank), b.along(bias, 1, rank));
  }

  private Value meanVariance() {
    b.allow("axes");
    Value x = b.operand(0, "X");
    long[] axes = b.integers("axes", IMAGE_AXES);
    Value centred = b.op("Sub", x, b.reduce("ReduceMean", x, axes));
    Value deviation = b.op("Sqrt", b.reduce("ReduceMean", b.op("Mul", centred, centred), axes));
    return b.op("Div", centred, b.op("Add", deviation, b.number(x, 1e-9)));
  }

  private Value byNorm() {
    b.allow("axis", "p");
    Value x = b.operand(0, "input");
    long p = b.integer("p", 2);
    if (p != 1 && p != 2) {
      throw b.broken("has p = " + p + ", 1 and 2 are known");
    }
    long axis = b.integer("axis", -1);
    Value norm = p == 1 ? b.reduce("ReduceSum", b.op("Abs", x), axis) : b.reduce("ReduceL2", x, axis);
    return b.op("Div", x, b.op("Where", b.op("Equal", norm, b.number(x, 0)), b.number(x, 1), norm));
  }

  private Value globalNorm() {
    b.allow("p");
    Value x = b.operand(0, "X");
    long p = b.integer("p", 2);
    Value powers = b.op("Pow", b.op("Abs", x), b.number(x, p));
    return b.op("Pow", b.reduce("ReduceSum", powers, FormBuilder.axesFrom(2, FormBuilder.rank(x))), b.number(x, 1.0 / p));
  }

  /** x / (bias + alpha / size · the sum of the squares of size neighbouring channels)^beta. */
  private Value acrossChannels() {
    b.allow("alpha", "beta", "bias", "size");
    Value x = b.operand(0, "X");
    long size = b.integer("size", 0);
    int rank = FormBuilder.rank(x);
    if (size < 1 || size > 1 << 10 || rank < 2) {
      throw b.broken("has size = " + size + " for " + x.type().text());
    }
    long[] pads = new long[2 * rank];
    pads[1] = (size - 1) / 2;
    pads[rank + 1] = size - 1 - pads[1];
    Value squares = b.op("Pad", b.op("Mul", x, x), b.list(pads));
    Value sum = null;
    for (long i = 0; i < size; i++) {
      Value end = b.op("Add", b.shape(x, 1, 2), b.list(i));
      Value part = b.op("Slice", squares, b.list(i), end, b.list(1));
      sum = sum == null ? part : b.op("Add", sum, part);
    }
    Value weighted = b.op("Add", b.number(x, b.real("bias", 1)), b.op("Mul", b.number(x, b.real("alpha", 1e-4) / size), sum));
    return b.op("Div", x, b.op("Pow", weighted, b.number(x, b.real("beta", 0.75))));
  }

  private Value axes(Value x) {
    long[] listed = b.integers("axes", (long[]) null);
    Value given = b.optional(1);
    return listed != null ? b.list(listed) : given != null ? given : b.list();
  }

  private Value reduced(String operation, Value x) {
    b.allow("axes", "keepdims", "noop_with_empty_axes");
    return reduced(operation, x, b.integer("keepdims", 1));
  }

  private Value reduced(String operation, Value x, long keepdims) {
    return b.with(operation, List.of(x, axes(x)), "keepdims", keepdims,
        "noop_with_empty_axes", b.integer("noop_with_empty_axes", 0));
  }

  /** Shifted by the largest element, so that no exponential overflows. */
  private Value logSumExp() {
    b.allow("axes", "keepdims", "noop_with_empty_axes");
    Value x = b.operand(0, "data");
    Value largest = reduced("ReduceMax", x, 1);
    Value finite = b.op("Less", b.op("Abs", largest), b.number(x, Double.POSITIVE_INFINITY));
    Value shift = b.op("Where", finite, largest, b.number(x, 0));
    Value sum = reduced("ReduceSum", b.op("Exp", b.op("Sub", x, shift)), 1);
    Value result = b.op("Add", b.op("Log", sum), shift);
    return b.integer("keepdims", 1) != 0 ? result : reduced("ReduceSum", result, 0); // each sum has one element
  }
}
