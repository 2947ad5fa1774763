package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/** Quantization as ONNX writes it, said in arithmetic: codes are integers, a real is (code - zero point) * scale. */
final class QuantizationForms {
  private final FormBuilder b;

  QuantizationForms(FormBuilder builder) {
    b = builder;
  }

  /** The results, or null where the operation is none of these. */
  List<Value> convert(String operation) {
    return switch (operation) {
      case "QuantizeLinear" -> List.of(quantize());
      case "DequantizeLinear" -> List.of(dequantize());
      case "DynamicQuantizeLinear" -> dynamic();
      case "MatMulInteger" -> {
        b.allow();
        yield List.of(product(b.operand(0, "A"), b.operand(1, "B"), b.optional(2), b.optional(3)));
      }
      case "QLinearMatMul" -> {
        b.allow();
        Value product = product(b.operand(0, "a"), b.operand(3, "b"), b.operand(2, "a_zero_point"), b.operand(5, "b_zero_point"));
        yield List.of(rescaled(product, b.op("Mul", rowwise(b.operand(1, "a_scale")), b.operand(4, "b_scale")), 6));
      }
      case "ConvInteger" -> List.of(convolution(b.operand(0, "x"), b.operand(1, "w"), b.optional(2), b.optional(3), null));
      case "QLinearConv" -> {
        Value sums = convolution(b.operand(0, "x"), b.operand(3, "w"), b.operand(2, "x_zero_point"),
            b.operand(5, "w_zero_point"), b.optional(8));
        Value scales = b.operand(4, "w_scale");
        yield List.of(rescaled(sums, b.op("Mul", b.operand(1, "x_scale"), channelwise(scales, FormBuilder.rank(sums), 1)), 6));
      }
      default -> null;
    };
  }

  /** A zero point or scale for each row of a left operand stands along the last axis but one. */
  private Value rowwise(Value v) {
    return v == null || FormBuilder.rank(v) != 1 ? v : b.unsqueeze(v, 1);
  }

  private Value product(Value left, Value right, Value leftZero, Value rightZero) {
    return b.with("MatMulInteger", Arrays.asList(left, right, rowwise(leftZero), rightZero));
  }

  private Value channelwise(Value v, int rank, int axis) {
    return FormBuilder.rank(v) == 1 && !v.tensorType().dim(0).is(1) ? b.along(v, axis, rank) : b.reshape(v);
  }

  /** Codes without their zero point, in i32. */
  private Value codes(Value x, Value zero) {
    Value wide = b.cast(x, ElementType.I32);
    return zero == null ? wide : b.op("Sub", wide, b.cast(zero, ElementType.I32));
  }

  private Value convolution(Value x, Value w, Value xZero, Value wZero, Value bias) {
    b.allow("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides");
    Value wCodes = codes(w, wZero == null ? null : channelwise(wZero, FormBuilder.rank(w), 0));
    List<Value> operands = bias == null ? List.of(codes(x, xZero), wCodes) : List.of(codes(x, xZero), wCodes, bias);
    return b.withSameAttributes("Conv", operands);
  }

  /** Sums of codes as codes of another scale: operands {@code at} and {@code at + 1} are the scale and the zero point. */
  private Value rescaled(Value sums, Value scale, int at) {
    Value zero = b.operand(at + 1, "y_zero_point");
    Value factor = b.op("Div", b.cast(scale, ElementType.F32), b.cast(b.operand(at, "y_scale"), ElementType.F32));
    return held(b.op("Round", b.op("Mul", b.cast(sums, ElementType.F32), factor)), zero, FormBuilder.element(zero));
  }

  /** Rounded reals plus the zero point, held to what {@code type} can hold. */
  private Value held(Value rounded, Value zero, ElementType type) {
    Value shifted = zero == null ? rounded : b.op("Add", rounded, b.cast(zero, FormBuilder.element(rounded)));
    return b.cast(b.op("Clip", shifted, b.number(shifted, least(type)), b.number(shifted, most(type))), type);
  }

  private double least(ElementType type) {
    return isUnsigned(type) ? 0 : -Math.scalb(1.0, type.bits() - 1);
  }

  private double most(ElementType type) {
    return Math.scalb(1.0, isUnsigned(type) ? type.bits() : type.bits() - 1) - 1;
  }

  private boolean isUnsigned(ElementType type) {
    return switch (type) {
      case U16, U8, U4, U2 -> true;
      case I32, I16, I8, I4, I2 -> false;
      default -> throw b.broken("has codes of type " + type.keyword());
    };
  }

  /**
   * A scale or zero point brought to the shape of {@code x}: one for all, one for each index of an axis, or, where it has
   * x's rank, one for each {@code block} along the axis.
   */
  private Value spread(Value x, Value v, long block) {
    int rank = FormBuilder.rank(x);
    int of = FormBuilder.rank(v);
    if (of == 0 || of == 1 && v.tensorType().dim(0).is(1) && block == 0) {
      return b.reshape(v);
    }
    int axis = b.axis(b.integer("axis", 1), rank);
    if (block == 0) {
      return b.along(v, axis, rank);
    }
    if (block < 0 || of != rank) {
      throw b.broken("has block_size = " + block + " and scales of type " + v.type().text());
    }
    long[] repeats = LongStream.generate(() -> 1).limit(rank + 1L).toArray();
    repeats[axis + 1] = block;
    Value repeated = b.op("Tile", b.unsqueeze(v, axis + 1), b.list(repeats));
    long[] merged = new long[rank];
    Arrays.fill(merged, 0, axis, 0);
    merged[axis] = -1;
    Value rest = axis == rank - 1 ? b.list(merged)
        : b.concat(0, b.list(Arrays.copyOf(merged, axis + 1)), b.shape(v, axis + 1, rank));
    // The last block may reach beyond the end.
    return b.op("Slice", b.op("Reshape", repeated, rest), b.list(0), b.shape(x, axis, axis + 1), b.list(axis));
  }

  private Value dequantize() {
    b.allow("axis", "block_size", "output_dtype");
    Value x = b.operand(0, "x");
    Value scale = b.operand(1, "x_scale");
    Value zero = b.optional(2);
    ElementType type = b.element("output_dtype", FormBuilder.element(scale));
    ElementType wide = type == ElementType.F64 ? type : ElementType.F32;
    long block = b.integer("block_size", 0);
    Value codes = b.cast(x, wide);
    if (zero != null) {
      codes = b.op("Sub", codes, b.cast(spread(x, zero, block), wide));
    }
    return b.cast(b.op("Mul", codes, b.cast(spread(x, scale, block), wide)), type);
  }

  private Value quantize() {
    b.allow("axis", "block_size", "output_dtype", "precision", "saturate");
    Value x = b.operand(0, "x");
    Value scale = b.operand(1, "y_scale");
    Value zero = b.optional(2);
    ElementType type = b.element("output_dtype", zero == null ? ElementType.U8 : FormBuilder.element(zero));
    long block = b.integer("block_size", 0);
    ElementType precision = b.element("precision", ElementType.F32);
    if (!precision.isFloat()) {
      throw b.broken("divides in " + precision.keyword());
    }
    Value quotient = b.cast(b.op("Div", b.cast(x, precision), b.cast(spread(x, scale, block), precision)), ElementType.F32);
    if (type.isFloat()) {
      return b.with("Cast", List.of(quotient), "to", type, "saturate", b.integer("saturate", 1));
    }
    return held(b.op("Round", quotient), zero == null ? null : spread(x, zero, block), type);
  }

  /** Codes in u8 of what spans from the least to the largest element, zero among them. */
  private List<Value> dynamic() {
    b.allow();
    Value x = b.operand(0, "x");
    Value none = b.number(x, 0);
    Value top = b.op("Max", b.with("ReduceMax", List.of(x), "keepdims", 0), none);
    Value bottom = b.op("Min", b.with("ReduceMin", List.of(x), "keepdims", 0), none);
    Value span = b.op("Sub", top, bottom);
    // ONNX Runtime takes 1 where all elements are zero.
    Value scale = b.op("Where", b.op("Equal", span, none), b.number(x, 1), b.op("Div", span, b.number(x, 255)));
    Value start = b.op("Clip", b.op("Div", b.op("Neg", bottom), scale), none, b.number(x, 255));
    Value zero = b.cast(b.op("Round", start), ElementType.U8);
    return List.of(held(b.op("Round", b.op("Div", x, scale)), zero, ElementType.U8), scale, zero);
  }
}
