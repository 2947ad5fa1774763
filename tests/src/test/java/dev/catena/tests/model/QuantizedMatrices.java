package dev.catena.tests.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes matrices as codes where the style says so: DequantizeLinear per tensor, per channel or by blocks, or the chain that
 * {@code onnxruntime.quantization.quantize_dynamic} puts in a MatMul's place.
 */
final class QuantizedMatrices {
  private static final int BLOCK = 16;

  private final OnnxGraphWriter writer;
  private final ExportStyle style;
  private final Set<String> dynamic = new HashSet<>();
  private final Map<String, String> activations = new HashMap<>();

  QuantizedMatrices(OnnxGraphWriter writer, ExportStyle style) {
    this.writer = writer;
    this.style = style;
  }

  /** Writes f32 matrices {@code [inputs, outputs]} as codes; false where the style has none. */
  boolean store(String name, OnnxContent matrix) {
    boolean bytes = style.has(Form.INT8_TENSOR, Form.INT8_CHANNEL, Form.UINT8_CHANNEL, Form.DYNAMIC_INT8, Form.DYNAMIC_UINT8_CHANNEL);
    if (!bytes && !style.has(Form.INT4_BLOCK, Form.UINT4_BLOCK) || matrix.element() != OnnxElement.F32) {
      return false;
    }
    boolean signed = style.has(Form.INT8_TENSOR, Form.INT8_CHANNEL, Form.INT4_BLOCK, Form.DYNAMIC_INT8);
    boolean single = style.has(Form.INT8_TENSOR, Form.DYNAMIC_INT8);
    int rows = (int) matrix.shape()[0];
    int columns = (int) matrix.shape()[1];
    int block = bytes ? rows : BLOCK;
    int blocks = (rows + block - 1) / block;
    int top = bytes ? 255 : 15;
    int lowest = signed ? -(top + 1) / 2 : 0;
    float[] w = new float[rows * columns];
    ByteBuffer.wrap(matrix.raw()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(w);
    float[] scales = new float[single ? 1 : blocks * columns];
    int[] zeros = new int[scales.length];
    float[] low = new float[scales.length];
    float[] high = new float[scales.length];
    for (int i = 0; i < w.length; i++) {
      int g = single ? 0 : i / columns / block * columns + i % columns;
      low[g] = Math.min(low[g], w[i]);
      high[g] = Math.max(high[g], w[i]);
    }
    for (int g = 0; g < scales.length; g++) {
      scales[g] = signed ? Math.max(-low[g], high[g]) / (top / 2) : (high[g] - low[g]) / top;
      zeros[g] = signed ? 0 : Math.round(-low[g] / scales[g]);
    }
    int[] codes = new int[w.length];
    for (int i = 0; i < w.length; i++) {
      int g = single ? 0 : i / columns / block * columns + i % columns;
      codes[i] = Math.max(lowest, Math.min(lowest + top, Math.round(w[i] / scales[g]) + zeros[g]));
    }
    OnnxElement element = bytes ? signed ? OnnxElement.I8 : OnnxElement.U8 : signed ? OnnxElement.I4 : OnnxElement.U4;
    long[] shape = single ? new long[0] : bytes ? new long[] {columns} : new long[] {blocks, columns};
    writer.initializer(name + "_quantized", OnnxContent.codes(element, codes, rows, columns));
    writer.initializer(name + "_scale", OnnxContent.reals(OnnxElement.F32, scales, shape));
    writer.initializer(name + "_zero_point", OnnxContent.codes(element, zeros, shape));
    if (style.has(Form.DYNAMIC_INT8, Form.DYNAMIC_UINT8_CHANNEL)) {
      dynamic.add(name);
      return true;
    }
    List<String> operands = signed && !bytes ? List.of(name + "_quantized", name + "_scale")
        : List.of(name + "_quantized", name + "_scale", name + "_zero_point");
    List<OnnxAttribute> attributes = bytes ? List.of(OnnxAttribute.of("axis", 1))
        : List.of(OnnxAttribute.of("axis", 0), OnnxAttribute.of("block_size", BLOCK));
    writer.node("DequantizeLinear", name + "_DequantizeLinear", operands, List.of(name),
        attributes.toArray(OnnxAttribute[]::new));
    return true;
  }

  /** Writes x · matrix as quantize_dynamic does; false where the matrix isn't one of those. */
  boolean product(String x, String matrix, String result) {
    if (!dynamic.contains(matrix)) {
      return false;
    }
    String codes = activations.computeIfAbsent(x, name -> {
      writer.node("DynamicQuantizeLinear", name + "_QuantizeLinear", List.of(name),
          List.of(name + "_quantized", name + "_scale", name + "_zero_point"));
      return name + "_quantized";
    });
    writer.node("MatMulInteger", result + "_quant", List.of(codes, matrix + "_quantized", x + "_zero_point", matrix + "_zero_point"),
        List.of(result + "_output_quantized"));
    writer.node("Cast", result + "_output_quantized_cast", List.of(result + "_output_quantized"),
        List.of(result + "_output_quantized_cast_output"), OnnxAttribute.of("to", 1));
    writer.node("Mul", result + "_quant_scales_mul", List.of(x + "_scale", matrix + "_scale"),
        List.of(result + "_quant_scales_mul:0"));
    writer.node("Mul", result + "_quant_output_scale_mul",
        List.of(result + "_output_quantized_cast_output", result + "_quant_scales_mul:0"), List.of(result));
    return true;
  }
}
