package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;

/** Operations that fill or rearrange tensors and that others of the standard can say, said in those. */
final class TensorForms {
  private final FormBuilder b;
  private final long opset;

  TensorForms(FormBuilder builder, long opset) {
    b = builder;
    this.opset = opset;
  }

  /** The result, or null where the operation is none of these. */
  Value convert(String operation) {
    return switch (operation) {
      case "OneHot" -> oneHot();
      case "EyeLike" -> eye();
      case "Hardmax" -> hardmax();
      case "Mean" -> mean();
      case "IsInf" -> infinite();
      case "DepthToSpace" -> depthToSpace();
      case "SpaceToDepth" -> spaceToDepth();
      case "TensorScatter" -> scatterRows();
      case "Upsample" -> upsample();
      case "HannWindow" -> window(0.5, 0.5, 0);
      case "HammingWindow" -> window(25.0 / 46, 21.0 / 46, 0);
      case "BlackmanWindow" -> window(0.42, 0.5, 0.08);
      default -> null;
    };
  }

  private Value oneHot() {
    b.allow("axis");
    Value indices = b.cast(b.operand(0, "indices"), ElementType.I64);
    Value depth = b.cast(b.reshape(b.operand(1, "depth")), ElementType.I64);
    Value values = b.operand(2, "values");
    int rank = FormBuilder.rank(indices) + 1;
    int axis = b.axis(b.integer("axis", -1), rank);
    Value at = b.op("Where", b.op("Less", indices, b.number(0)), b.op("Add", indices, depth), indices);
    Value hit = b.op("Equal", b.unsqueeze(at, axis), b.along(b.counting(depth), axis, rank));
    return b.op("Where", hit, b.op("Gather", values, b.number(1)), b.op("Gather", values, b.number(0)));
  }

  private Value eye() {
    b.allow("dtype", "k");
    Value x = b.operand(0, "input");
    if (FormBuilder.rank(x) != 2) {
      throw b.broken("takes a matrix, not " + x.type().text());
    }
    Value rows = b.unsqueeze(b.counting(b.dimension(x, 0)), 1);
    Value diagonal = b.op("Equal", b.op("Add", rows, b.number(b.integer("k", 0))), b.counting(b.dimension(x, 1)));
    return b.cast(diagonal, b.element("dtype", FormBuilder.element(x)));
  }

  /** 1 where the first largest element of a row stands; before opset 13 the axes from axis on are one. */
  private Value hardmax() {
    b.allow("axis");
    Value given = b.operand(0, "input");
    Value x = given;
    int axis = b.axis(b.integer("axis", opset < 13 ? 1 : -1), FormBuilder.rank(x));
    if (opset < 13) {
      x = b.with("Flatten", List.of(x), "axis", axis);
      axis = 1;
    }
    Value largest = b.with("ArgMax", List.of(x), "axis", axis);
    Value places = b.along(b.counting(b.dimension(x, axis)), axis, FormBuilder.rank(x));
    Value ones = b.cast(b.op("Equal", places, largest), FormBuilder.element(x));
    return opset < 13 ? b.op("Reshape", ones, b.shape(given)) : ones;
  }

  private Value mean() {
    b.allow();
    List<Value> all = new ArrayList<>();
    for (int i = 0; i < b.operands(); i++) {
      all.add(b.operand(i, "data_0"));
    }
    Value sum = b.with("Sum", all);
    return b.op("Div", sum, b.number(sum, all.size()));
  }

  private Value infinite() {
    b.allow("detect_negative", "detect_positive");
    Value x = b.operand(0, "X");
    boolean below = b.integer("detect_negative", 1) != 0;
    boolean above = b.integer("detect_positive", 1) != 0;
    Value positive = b.op("Equal", x, b.number(x, Double.POSITIVE_INFINITY));
    Value negative = b.op("Equal", x, b.number(x, Double.NEGATIVE_INFINITY));
    if (!below && !above) {
      return b.op("And", positive, negative); // never both
    }
    return below && above ? b.op("Or", positive, negative) : below ? negative : positive;
  }

  private long blockSize() {
    long size = b.integer("blocksize", 0);
    if (size < 1 || size > 1 << 15) {
      throw b.broken("has blocksize = " + size);
    }
    return size;
  }

  /** A dimension times or divided by a number, as a list of one. */
  private Value scaled(Value x, int axis, String operation, long by) {
    return b.op(operation, b.shape(x, axis, axis + 1), b.list(by));
  }

  private void requireImage(Value x) {
    if (FormBuilder.rank(x) != 4) {
      throw b.broken("takes [batch, channels, height, width], not " + x.type().text());
    }
  }

  private Value depthToSpace() {
    b.allow("blocksize", "mode");
    Value x = b.operand(0, "input");
    requireImage(x);
    long size = blockSize();
    String mode = b.text("mode", "DCR");
    boolean depthFirst = mode.equals("DCR");
    if (!depthFirst && !mode.equals("CRD")) {
      throw b.broken("has mode = " + mode + ", which is neither DCR nor CRD");
    }
    Value channels = scaled(x, 1, "Div", size * size);
    Value batch = b.shape(x, 0, 1);
    Value split = depthFirst ? b.concat(0, batch, b.list(size, size), channels, b.shape(x, 2, 4))
        : b.concat(0, batch, channels, b.list(size, size), b.shape(x, 2, 4));
    Value turned = depthFirst ? b.transpose(b.op("Reshape", x, split), 0, 3, 4, 1, 5, 2)
        : b.transpose(b.op("Reshape", x, split), 0, 1, 4, 2, 5, 3);
    return b.op("Reshape", turned, b.concat(0, batch, channels, scaled(x, 2, "Mul", size), scaled(x, 3, "Mul", size)));
  }

  private Value spaceToDepth() {
    b.allow("blocksize", "mode");
    Value x = b.operand(0, "input");
    requireImage(x);
    long size = blockSize();
    String mode = b.text("mode", "DCR");
    if (!mode.equals("DCR") && !mode.equals("CRD")) {
      throw b.broken("has mode = " + mode + ", which is neither DCR nor CRD");
    }
    Value batch = b.shape(x, 0, 1);
    Value channels = b.shape(x, 1, 2);
    Value height = scaled(x, 2, "Div", size);
    Value width = scaled(x, 3, "Div", size);
    Value split = b.op("Reshape", x, b.concat(0, batch, channels, height, b.list(size), width, b.list(size)));
    return b.op("Reshape", mode.equals("DCR") ? b.transpose(split, 0, 3, 5, 1, 2, 4) : b.transpose(split, 0, 1, 3, 5, 2, 4),
        b.concat(0, batch, scaled(x, 1, "Mul", size * size), height, width));
  }

  /** New rows of a cache, written at each sequence's place; a circular cache begins anew at its end. */
  private Value scatterRows() {
    b.allow("axis", "mode");
    Value cache = b.operand(0, "past_cache");
    Value rows = b.operand(1, "update");
    int rank = FormBuilder.rank(cache);
    int axis = b.axis(b.integer("axis", -2), rank);
    if (axis == 0) {
      throw b.broken("scatters along the batch");
    }
    Value places = b.along(b.counting(b.dimension(rows, axis)), axis, rank);
    if (b.optional(2) != null) {
      places = b.op("Add", b.along(b.operand(2, "write_indices"), 0, rank), places);
    }
    String mode = b.text("mode", "linear");
    if (mode.equals("circular")) {
      places = b.op("Mod", places, b.dimension(cache, axis));
    } else if (!mode.equals("linear")) {
      throw b.broken("has mode = " + mode + ", which is neither linear nor circular");
    }
    return b.with("ScatterElements", List.of(cache, b.op("Expand", places, b.shape(rows)), rows), "axis", axis);
  }

  Value resizeOfOpset10(OnnxGraph.Node node, List<Value> in) {
    b.begin(node, in);
    return upsample();
  }

  /** Resize as opsets 7 to 10 had it, first as Upsample. */
  private Value upsample() {
    b.allow("mode", "scales");
    Value x = b.operand(0, "X");
    float[] listed = b.reals("scales");
    Value scales = listed == null ? b.operand(1, "scales") : b.constant(Tensor.f32(listed, listed.length));
    List<Value> operands = new ArrayList<>(List.of(x));
    operands.add(null);
    operands.add(scales);
    return b.with("Resize", operands, "mode", b.text("mode", "nearest"), "coordinate_transformation_mode", "asymmetric",
        "nearest_mode", "floor");
  }

  /** first - second · cos(2πn / N) + third · cos(4πn / N), where N is the size, or of a symmetric window one less. */
  private Value window(double first, double second, double third) {
    b.allow("output_datatype", "periodic");
    Value size = b.reshape(b.operand(0, "size"));
    Value n = b.cast(b.counting(b.cast(size, ElementType.I64)), ElementType.F64);
    Value whole = b.cast(b.integer("periodic", 1) != 0 ? size : b.op("Sub", size, b.number(size, 1)), ElementType.F64);
    Value turns = b.op("Div", b.op("Mul", n, b.number(n, 2 * Math.PI)), whole);
    Value sum = b.op("Sub", b.number(n, first), b.op("Mul", b.number(n, second), b.op("Cos", turns)));
    if (third != 0) {
      sum = b.op("Add", sum, b.op("Mul", b.number(n, third), b.op("Cos", b.op("Mul", turns, b.number(n, 2)))));
    }
    return b.cast(sum, b.element("output_datatype", ElementType.F32));
  }
}
