package dev.catena.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Verifier;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Operations that encoders and small nets use, each against ONNX Runtime: by itself, with sizes known and unknown. */
class OperationBreadthTest {
  private static final ElementType U8 = ElementType.U8;
  private static final ElementType I8 = ElementType.I8;
  private static final ElementType I32 = ElementType.I32;
  private static final ElementType I64 = ElementType.I64;
  private static final ElementType F32 = ElementType.F32;

  @TempDir Path folder;

  static Stream<SingleNode> activations() {
    return Stream.of(
        node("Elu").reals(3, 5).with("alpha", 0.7f), node("Celu").reals(3, 5).with("alpha", 0.7f), node("Selu").reals(3, 5),
        node("LeakyRelu").reals(3, 5), node("LeakyRelu").reals(3, 5).with("alpha", 0.3f),
        node("PRelu").reals(2, 3, 4).reals(3, 1), node("ThresholdedRelu").reals(3, 5).with("alpha", 0.4f),
        node("HardSigmoid").reals(3, 5), node("HardSwish").reals(3, 5), node("Mish", 18).reals(3, 5),
        node("Softsign").reals(3, 5), node("Shrink").reals(3, 5).with("lambd", 0.3f).with("bias", 0.1f),
        node("Shrink").integers(I32, -4, 5, 3, 5).with("lambd", 1.5f),
        node("Hardmax").reals(3, 5, 2), node("Hardmax").reals(3, 5, 2).with("axis", 1), node("Hardmax", 11).reals(3, 5, 2),
        node("Tan").reals(9), node("Asin").between(-1, 1, 9), node("Acos").between(-1, 1, 9), node("Atan").reals(9),
        node("Sinh").reals(9), node("Cosh").reals(9), node("Asinh").reals(9), node("Acosh").between(1, 9, 9),
        node("Atanh").between(-0.9, 0.9, 9),
        node("IsInf", 20).given(extremes()), node("IsInf", 20).given(extremes()).with("detect_negative", 0),
        node("IsInf", 20).given(extremes()).with("detect_positive", 0),
        node("Mean").reals(3, 4).reals(4).reals(3, 1), node("Dropout").reals(3, 4),
        node("BitShift").integers(U8, 0, 256, 12).integers(U8, 0, 10, 12).with("direction", "LEFT"),
        node("BitShift").integers(U8, 0, 256, 12).integers(U8, 0, 8, 1).with("direction", "RIGHT"),
        node("BitwiseAnd", 18).integers(I32, -90, 90, 3, 4).integers(I32, -90, 90, 4),
        node("BitwiseOr", 18).integers(I64, -90, 90, 3, 4).integers(I64, -90, 90, 4),
        node("BitwiseXor", 18).integers(U8, 0, 256, 3, 4).integers(U8, 0, 256, 4), node("BitwiseNot", 18).integers(I8, -9, 9, 7),
        node("Pow").integers(I64, -5, 6, 12).integers(I64, 0, 20, 12), node("Mod").integers(I64, -9, 9, 12).list(4),
        node("Mod").reals(12).reals(12).with("fmod", 1));
  }

  static Stream<SingleNode> normalizations() {
    return Stream.of(
        node("BatchNormalization").reals(2, 3, 4, 5).reals(3).reals(3).reals(3).between(0.1, 2, 3).with("epsilon", 1e-3f),
        node("BatchNormalization").reals(2, 3).reals(3).reals(3).reals(3).between(0.1, 2, 3),
        node("InstanceNormalization").reals(2, 3, 4, 5).reals(3).reals(3),
        node("GroupNormalization", 21).reals(2, 6, 4).reals(6).reals(6).with("num_groups", 3),
        node("GroupNormalization", 18).reals(2, 6, 4).reals(3).reals(3).with("num_groups", 3).with("epsilon", 1e-2f),
        node("MeanVarianceNormalization").reals(2, 3, 4, 5), node("MeanVarianceNormalization").reals(4, 3, 5).ints("axes", 1),
        node("LpNormalization").reals(3, 4, 5), node("LpNormalization").reals(3, 4, 5).with("p", 1).with("axis", 1),
        node("LayerNormalization").reals(3, 4, 5).reals(4, 5).reals(4, 5).with("axis", 1).outputs(3),
        node("GlobalAveragePool").reals(2, 3, 4, 5), node("GlobalMaxPool").reals(2, 3, 4, 5),
        node("GlobalLpPool").reals(2, 3, 4, 5), node("GlobalLpPool").reals(2, 3, 4, 5).with("p", 3),
        node("LRN").reals(2, 7, 3, 3).with("size", 3), node("LRN").reals(1, 5, 3, 2).with("size", 5).with("alpha", 0.3f)
            .with("beta", 0.6f).with("bias", 2f),
        node("ReduceL1").reals(2, 3, 4).ints("axes", 0, 2), node("ReduceL1", 18).reals(2, 3, 4).list(1).with("keepdims", 0),
        node("ReduceLogSum").between(0.1, 3, 2, 3, 4).ints("axes", 1), node("ReduceLogSumExp").between(90, 200, 2, 3, 4),
        node("ReduceLogSumExp", 18).reals(2, 3, 4).list(-1).with("keepdims", 0), node("ReduceL2").reals(2, 3, 4).ints("axes", -1),
        node("ReduceSumSquare", 18).reals(2, 3, 4).list().with("noop_with_empty_axes", 1),
        node("ReduceProd").reals(2, 3, 4).ints("axes", 1),
        node("ArgMax").integers(I32, 0, 3, 4, 6).with("axis", 1).with("select_last_index", 1),
        node("ArgMin").integers(I32, 0, 3, 4, 6).with("axis", 0).with("select_last_index", 1).with("keepdims", 0),
        node("CumSum").reals(3, 4).scalar(I64, 1).with("exclusive", 1),
        node("CumSum").reals(3, 4).scalar(I64, -2).with("reverse", 1),
        node("CumSum").integers(I64, -9, 9, 3, 4).scalar(I32, 1).with("exclusive", 1).with("reverse", 1));
  }

  static Stream<SingleNode> windows() {
    return Stream.of(
        node("Conv").reals(2, 3, 7).reals(4, 3, 3),
        node("Conv").reals(2, 3, 7, 6).reals(4, 3, 3, 2).reals(4).ints("pads", 1, 0, 2, 1).ints("strides", 2, 1),
        node("Conv").reals(1, 4, 9, 8).reals(6, 2, 3, 3).with("group", 2).ints("dilations", 2, 1).ints("kernel_shape", 3, 3),
        node("Conv").reals(1, 4, 9, 8).reals(4, 1, 3, 2).with("group", 4).with("auto_pad", "SAME_UPPER").ints("strides", 2, 3),
        node("Conv").reals(1, 2, 9, 8).reals(3, 2, 2, 4).with("auto_pad", "SAME_LOWER"),
        node("Conv").reals(1, 2, 9, 8).reals(3, 2, 2, 4).with("auto_pad", "VALID"),
        node("Conv").reals(1, 2, 4, 5, 4).reals(3, 2, 2, 2, 3).ints("pads", 1, 1, 1, 1, 1, 1),
        node("ConvTranspose").reals(2, 4, 5).reals(4, 3, 3).reals(3),
        node("ConvTranspose").reals(1, 4, 5, 6).reals(4, 3, 3, 2).ints("strides", 2, 3).ints("pads", 1, 0, 0, 1)
            .ints("output_padding", 1, 2),
        node("ConvTranspose").reals(1, 4, 5, 6).reals(4, 2, 3, 3).with("group", 2).ints("dilations", 2, 1),
        node("ConvTranspose").reals(1, 2, 3, 3).reals(2, 2, 3, 3).ints("strides", 3, 2).ints("output_shape", 10, 8),
        node("ConvTranspose").reals(1, 2, 3, 3).reals(2, 2, 3, 3).ints("strides", 2, 2).with("auto_pad", "SAME_UPPER"),
        node("MaxPool").reals(2, 3, 8, 7).ints("kernel_shape", 3, 2).ints("strides", 2, 2).outputs(2),
        node("MaxPool").reals(1, 2, 8, 7).ints("kernel_shape", 3, 3).ints("strides", 2, 2).with("ceil_mode", 1)
            .ints("pads", 1, 1, 1, 1),
        node("MaxPool").reals(1, 2, 9).ints("kernel_shape", 3).ints("dilations", 2),
        node("MaxPool").reals(1, 2, 5, 6).ints("kernel_shape", 2, 2).with("storage_order", 1).outputs(2),
        node("MaxPool").integers(U8, 0, 255, 1, 2, 5, 6).ints("kernel_shape", 2, 2).with("auto_pad", "SAME_LOWER"),
        node("AveragePool").reals(1, 2, 8, 7).ints("kernel_shape", 3, 2).ints("pads", 1, 1, 1, 0),
        node("AveragePool").reals(1, 2, 8, 7).ints("kernel_shape", 3, 2).ints("pads", 1, 1, 1, 0).with("count_include_pad", 1),
        node("AveragePool", 19).reals(1, 2, 8, 7).ints("kernel_shape", 3, 3).ints("strides", 2, 2).with("ceil_mode", 1),
        node("AveragePool").reals(1, 2, 8).ints("kernel_shape", 3).ints("strides", 2).with("auto_pad", "SAME_UPPER"),
        node("AveragePool", 19).reals(1, 2, 9).ints("kernel_shape", 3).ints("dilations", 2),
        node("Pad").reals(3, 4).list(1, 0, 2, 3), node("Pad").reals(3, 4).list(0, -1, 2, -1).scalar(F32, 7.5),
        node("Pad").reals(3, 4).list(2, 0, 1, 3).with("mode", "reflect"), node("Pad").reals(3, 4).list(4, 1, 0, 9).with("mode", "edge"),
        node("Pad", 19).reals(3, 4).list(2, 1, 3, 4).with("mode", "wrap"), node("Pad", 18).reals(3, 4).list(1, 2).absent().list(-1),
        node("Pad", 10).reals(3, 4).ints("pads", 1, 0, 0, 2).with("value", 2.5f),
        resize(2, 1.5).with("mode", "linear"), resize(0.6, 0.5).with("mode", "linear").with("coordinate_transformation_mode", "asymmetric"),
        resize(2, 2.3).with("mode", "linear").with("coordinate_transformation_mode", "align_corners"),
        resize(1.7, 0.4).with("mode", "linear").with("coordinate_transformation_mode", "pytorch_half_pixel"),
        resize(2, 3), resize(1.6, 0.7).with("nearest_mode", "floor").with("coordinate_transformation_mode", "asymmetric"),
        resize(1.6, 2.7).with("nearest_mode", "ceil"), resize(2.5, 1.3).with("nearest_mode", "round_prefer_ceil"),
        resize(1.6, 2.3).with("mode", "cubic"), resize(0.8, 0.5).with("mode", "cubic").with("exclude_outside", 1).with("cubic_coeff_a", -0.5f),
        node("Resize").reals(1, 2, 4, 5).absent().absent().list(1, 2, 7, 3).with("mode", "linear"),
        node("Resize", 18).reals(1, 2, 4, 5).absent().absent().list(7, 3).ints("axes", 2, 3),
        node("Resize", 18).reals(1, 2, 4, 5).absent().absent().list(9, 7).ints("axes", 2, 3)
            .with("keep_aspect_ratio_policy", "not_larger").with("mode", "linear"),
        node("Resize", 10).reals(1, 2, 4, 5).given(Tensor.f32(new float[] {1, 1, 2, 1.5f}, 4)),
        node("Upsample", 9).reals(1, 2, 4, 5).given(Tensor.f32(new float[] {1, 1, 2, 3}, 4)),
        node("Upsample", 7).reals(1, 2, 4, 5).reals("scales", 1, 1, 2, 2).with("mode", "linear"));
  }

  private static SingleNode resize(double height, double width) {
    return node("Resize").reals(1, 2, 4, 5).absent().given(Tensor.f32(new float[] {1, 1, (float) height, (float) width}, 4));
  }

  static Stream<SingleNode> arrangements() {
    return Stream.of(
        node("NonZero").integers(I64, 0, 2, 3, 4), node("NonZero").given(extremes()),
        node("Compress").reals(3, 4).given(truths(1, 0, 1)).with("axis", 0), node("Compress").reals(3, 4).given(truths(0, 1, 1, 0, 1)),
        node("OneHot").integers(I64, -5, 5, 2, 3).scalar(I64, 5).given(Tensor.f32(new float[] {-1, 2}, 2)),
        node("OneHot").integers(I64, 0, 5, 2, 3).list(5).given(Tensor.i64(new long[] {0, 7}, 2)).with("axis", 0),
        node("EyeLike").integers(I32, 0, 5, 3, 4).with("k", 1), node("EyeLike").reals(4, 3).with("k", -2).with("dtype", 7),
        node("DepthToSpace").reals(1, 8, 2, 3).with("blocksize", 2), node("DepthToSpace").reals(1, 8, 2, 3).with("blocksize", 2).with("mode", "CRD"),
        node("SpaceToDepth").reals(1, 2, 4, 6).with("blocksize", 2),
        node("HannWindow").scalar(I64, 9), node("HammingWindow").scalar(I32, 8).with("periodic", 0),
        node("BlackmanWindow").scalar(I64, 7).with("output_datatype", 11),
        einsum("ij,jk->ik").reals(3, 4).reals(4, 5), einsum("bij,bjk->bik").reals(2, 3, 4).reals(2, 4, 5),
        einsum("bhid,bhjd->bhij").reals(2, 3, 4, 5).reals(2, 3, 6, 5), einsum("bhij,bjhd->bihd").reals(2, 3, 4, 5).reals(2, 5, 3, 6),
        einsum("ij->ji").reals(3, 4), einsum("ij->").reals(3, 4), einsum("ij->i").reals(3, 4), einsum("ii->i").reals(4, 4),
        einsum("ii").reals(4, 4), einsum("i,j->ij").reals(3).reals(4), einsum("ij,jk").reals(3, 4).reals(4, 5),
        einsum("...ij,...jk->...ik").reals(2, 3, 4).reals(2, 4, 5), einsum("abc,cd,db->ad").reals(2, 3, 4).reals(4, 5).reals(5, 3),
        einsum("ij,ij->").reals(3, 4).reals(3, 4), einsum("b i d, e d i -> b e i").reals(2, 3, 4).reals(5, 4, 3));
  }

  static Stream<SingleNode> quantization() {
    Tensor zero = Tensor.ofLongs(U8, new long[] {128});
    return Stream.of(
        node("QuantizeLinear").between(-3, 3, 4, 6).scalar(F32, 0.02).given(zero),
        node("QuantizeLinear").between(-3, 3, 4, 6).scalar(F32, 0.03),
        node("QuantizeLinear").between(-3, 3, 4, 6).between(0.01, 0.05, 6).integers(I8, -9, 9, 6).with("axis", 1),
        node("QuantizeLinear").between(-3, 3, 4, 6).between(0.01, 0.05, 4).integers(I8, -9, 9, 4).with("axis", 0),
        node("DequantizeLinear").integers(U8, 0, 256, 4, 6).scalar(F32, 0.02).given(zero),
        node("DequantizeLinear").integers(I8, -128, 128, 4, 6).between(0.01, 0.05, 4).integers(I8, -9, 9, 4).with("axis", 0),
        node("DequantizeLinear").integers(I32, -9999, 9999, 4, 6).scalar(F32, 0.02),
        node("DequantizeLinear", 21).integers(I8, -128, 128, 4, 6).between(0.01, 0.05, 4, 3).integers(I8, -9, 9, 4, 3)
            .with("axis", 1).with("block_size", 2),
        node("DynamicQuantizeLinear").between(-3, 5, 4, 6).outputs(3), node("DynamicQuantizeLinear").between(1, 5, 4, 6).outputs(3),
        node("DynamicQuantizeLinear").given(new Tensor(F32, 3)).outputs(3),
        // Of bytes with and without a sign ONNX Runtime adds two products in 16 bits where a CPU has no VNNI: they have to have room there.
        node("MatMulInteger").integers(U8, 0, 256, 3, 5).integers(I8, -64, 65, 5, 4).scalar(U8, 120).scalar(I8, 3),
        node("MatMulInteger").integers(U8, 0, 256, 2, 3, 5).integers(U8, 0, 256, 5, 4),
        node("MatMulInteger").integers(U8, 0, 256, 3, 5).integers(I8, -64, 65, 5, 4).scalar(U8, 7).integers(I8, -5, 6, 4),
        node("QLinearMatMul").integers(U8, 0, 256, 3, 5).scalar(F32, 0.02).scalar(U8, 120).integers(U8, 0, 256, 5, 4).scalar(F32, 0.03)
            .scalar(U8, 130).scalar(F32, 0.2).scalar(U8, 110),
        node("ConvInteger").integers(U8, 0, 256, 1, 2, 5, 6).integers(U8, 0, 256, 3, 2, 3, 3).scalar(U8, 120).scalar(U8, 100)
            .ints("pads", 1, 1, 1, 1),
        node("QLinearConv").integers(U8, 0, 256, 1, 2, 5, 6).scalar(F32, 0.02).scalar(U8, 120).integers(I8, -64, 65, 3, 2, 3, 3)
            .between(0.01, 0.05, 3).given(Tensor.ofLongs(I8, new long[3], 3)).scalar(F32, 0.3).scalar(U8, 110)
            .integers(I32, -500, 500, 3).ints("strides", 2, 1));
  }

  /** Recurrent layers: all directions, gates, bounds and functions. x is [5, 2, 3] (steps, batch, size), 4 hidden. */
  static Stream<SingleNode> recurrent() {
    return Stream.of(
        layer("RNN", 1, 1).outputs(2), layer("RNN", 1, 2).between(-1, 1, 2, 8).with("direction", "bidirectional").outputs(2),
        layer("RNN", 1, 1).between(-1, 1, 1, 8).given(lengths(3, 5)).between(-1, 1, 1, 2, 4).with("direction", "reverse").outputs(2),
        layer("RNN", 1, 1).texts("activations", "Relu").with("clip", 0.3f).outputs(2),
        layer("RNN", 1, 1).texts("activations", "LeakyRelu").reals("activation_alpha", 0.2f).outputs(2),
        layer("RNN", 1, 1).texts("activations", "HardSigmoid").reals("activation_alpha", 0.3f).reals("activation_beta", 0.1f).outputs(2),
        layer("GRU", 3, 1).outputs(2), layer("GRU", 3, 1).between(-1, 1, 1, 24).with("linear_before_reset", 1).outputs(2),
        layer("GRU", 3, 2).between(-1, 1, 2, 24).given(lengths(5, 2)).between(-1, 1, 2, 2, 4).with("direction", "bidirectional").outputs(2),
        layer("GRU", 3, 1).between(-1, 1, 1, 24).with("clip", 0.4f).with("direction", "reverse").outputs(2),
        layer("GRU", 3, 1).texts("activations", "Sigmoid", "Softsign").outputs(2),
        layer("LSTM", 4, 1).outputs(3), layer("LSTM", 4, 2).between(-1, 1, 2, 32).with("direction", "bidirectional").outputs(3),
        layer("LSTM", 4, 1).between(-1, 1, 1, 32).given(lengths(4, 1)).between(-1, 1, 1, 2, 4).between(-1, 1, 1, 2, 4)
            .between(-1, 1, 1, 12).outputs(3),
        layer("LSTM", 4, 1).between(-1, 1, 1, 32).with("clip", 0.5f).with("input_forget", 1).with("direction", "reverse").outputs(3),
        layer("LSTM", 4, 1).between(-1, 1, 1, 32).absent().absent().absent().between(-1, 1, 1, 12).outputs(3),
        layer("LSTM", 4, 2).between(-1, 1, 2, 32).given(lengths(2, 5)).with("direction", "bidirectional").outputs(3),
        layer("LSTM", 4, 1).texts("activations", "HardSigmoid", "Tanh", "ScaledTanh").reals("activation_alpha", 0.3f, 1.2f)
            .reals("activation_beta", 0.4f, 0.7f).outputs(3),
        node("ReverseSequence").reals(4, 3, 2).list(1, 4, 2), node("ReverseSequence").reals(3, 4).list(1, 4, 2).with("batch_axis", 0).with("time_axis", 1));
  }

  private static SingleNode layer(String operation, int gates, int directions) {
    return node(operation, 14).reals(5, 2, 3).between(-1, 1, directions, 4 * gates, 3).between(-1, 1, directions, 4 * gates, 4)
        .with("hidden_size", 4);
  }

  private static Tensor lengths(long... lengths) {
    return Tensor.ofLongs(I32, lengths, lengths.length);
  }

  /** What the standard's node tests are about, in other shapes, types and versions. */
  static Stream<SingleNode> ofTheStandard() {
    ElementType f64 = ElementType.F64;
    return Stream.of(
        node("Add").elements(f64, 3, 1, 2).elements(f64, 4, 1), node("Sub").integers(I64, -9, 9, 3).integers(I64, -9, 9, 2, 1),
        node("Div").integers(I32, -99, 99, 20).integers(I32, 1, 9, 20), node("Div").integers(I64, -99, 99, 20).integers(I64, -9, 0, 20),
        node("Neg").integers(I8, -128, 128, 12), node("Mul").integers(I32, -99999, 99999, 12).integers(I32, -99999, 99999, 12),
        node("Max").elements(f64, 3, 4).elements(f64, 4).elements(f64, 1, 1), node("Max").integers(I64, -9, 9, 3, 4).integers(I64, -9, 9, 4),
        node("Min").reals(3, 4).reals(1), node("Max").given(extremes()).scalar(F32, 0.5),
        node("Pow").reals(12).integers(I64, -2, 4, 12), node("Pow").integers(I32, 0, 5, 12).between(0, 3, 12),
        node("Pow").between(0.1, 3, 12).reals(12), node("Pow").elements(f64, 2, 3).integers(I32, 0, 4, 3),
        node("Equal").given(truths(1, 0, 1)).given(truths(1, 1, 0)), node("Less").integers(I64, -3, 3, 4, 3).integers(I64, -3, 3, 3),
        node("Greater").elements(f64, 4).elements(f64, 3, 1), node("Equal").given(extremes()).given(extremes()),
        node("Where").given(truths(1, 0, 1)).integers(U8, 0, 9, 2, 1).integers(U8, 0, 9, 3),
        node("Where").given(truths(1, 0, 1)).elements(f64, 3).elements(f64, 2, 3),
        node("Sqrt").elements(f64, 4), node("Sin").elements(f64, 4), node("Sigmoid").given(extremes()), node("Tanh").given(extremes()),
        node("Gelu", 20).reals(9), node("Gelu", 20).reals(9).with("approximate", "tanh"),
        node("MatMul").integers(I32, -9, 9, 2, 3, 4).integers(I32, -9, 9, 4, 5), node("MatMul").reals(3, 1, 2, 4).reals(2, 4, 3),
        node("MatMul").elements(f64, 4).elements(f64, 3, 4, 2), node("MatMul").reals(3, 2, 4).reals(4), node("MatMul").reals(2, 0).reals(0, 3),
        node("Gemm").reals(4, 3).reals(5, 4).reals(3, 1).with("transA", 1).with("transB", 1).with("alpha", 0.3f).with("beta", 0.7f),
        node("Gemm").elements(f64, 3, 4).elements(f64, 4, 5).scalar(f64, 2), node("Gemm", 7).reals(3, 4).reals(4, 5).reals(1, 5),
        node("LayerNormalization").reals(2, 3, 4).reals(4), node("LayerNormalization").reals(2, 3, 4).reals(3, 4).with("axis", -2).outputs(3),
        node("LayerNormalization").elements(f64, 2, 3, 4).elements(f64, 4).elements(f64, 4).with("epsilon", 0.1f),
        node("RMSNormalization", 23).reals(2, 3, 4).reals(3, 4).with("axis", 1), node("RMSNormalization", 23).reals(2, 3, 4).reals(4).with("epsilon", 0.1f),
        node("RotaryEmbedding", 23).reals(2, 3, 4, 6).reals(9, 3).reals(9, 3).integers(I64, 0, 9, 2, 4),
        node("RotaryEmbedding", 23).reals(2, 4, 18).reals(9, 2).reals(9, 2).integers(I64, 0, 9, 2, 4).with("num_heads", 3)
            .with("rotary_embedding_dim", 4).with("interleaved", 1),
        node("Attention", 23).reals(2, 4, 3, 6).reals(2, 2, 5, 6).reals(2, 2, 5, 7),
        node("Attention", 23).reals(2, 3, 24).reals(2, 5, 12).reals(2, 5, 14).with("q_num_heads", 4).with("kv_num_heads", 2).with("scale", 0.3f),
        node("Attention", 23).reals(1, 2, 4, 6).reals(1, 2, 4, 6).reals(1, 2, 4, 6).with("is_causal", 1).outputs(3),
        node("Attention", 23).reals(1, 2, 3, 6).reals(1, 2, 3, 6).reals(1, 2, 3, 6).reals(3, 7).reals(1, 2, 4, 6).reals(1, 2, 4, 6)
            .outputs(4).with("qk_matmul_output_mode", 3),
        node("Softmax").elements(f64, 2, 3, 4).with("axis", 1), node("Softmax", 11).reals(2, 3, 4), node("LogSoftmax").reals(2, 3, 4),
        node("ReduceMean").elements(f64, 2, 3, 4).ints("axes", 0, -1).with("keepdims", 0), node("ReduceMean").integers(I32, -9, 9, 3, 4).ints("axes", 1),
        node("ReduceMean", 18).reals(2, 3).list().with("noop_with_empty_axes", 1), node("ReduceSum").integers(I64, -9, 9, 2, 3, 4).list(1),
        node("ReduceSum").reals(2, 0, 4).list(1), node("ReduceMax", 18).integers(I8, -9, 9, 3, 4).list(0), node("ReduceMin").elements(f64, 3, 4),
        node("Gather").integers(I64, 0, 9, 3, 4, 2).integers(I32, -4, 4, 2, 2).with("axis", 1), node("Gather").given(truths(1, 0, 1)).scalar(I64, -1),
        node("GatherElements").reals(3, 4).integers(I64, -4, 4, 2, 3).with("axis", 1), node("GatherND").reals(2, 3, 4).integers(I64, -2, 2, 2, 3, 2),
        node("GatherND").reals(2, 3, 4).integers(I64, 0, 3, 2, 1).with("batch_dims", 1),
        node("ScatterND").reals(4, 3).given(Tensor.i64(new long[] {1, -1}, 2, 1)).reals(2, 3),
        node("ScatterND", 18).reals(4).given(Tensor.i64(new long[] {1, 1, 0}, 3, 1)).reals(3).with("reduction", "max"),
        node("ScatterND", 16).integers(I64, 0, 9, 4).given(Tensor.i64(new long[] {1, 1, 0}, 3, 1)).integers(I64, 1, 9, 3).with("reduction", "mul"),
        node("ScatterElements", 18).reals(3, 3).integers(I64, 0, 3, 2, 3).reals(2, 3).with("reduction", "add"),
        node("Range").scalar(I32, 10).scalar(I32, -3).scalar(I32, -4), node("Range").scalar(f64, 0.5).scalar(f64, 3.1).scalar(f64, 0.4),
        node("Range").scalar(I64, 3).scalar(I64, 3).scalar(I64, 1), node("Trilu").integers(I64, 1, 9, 2, 4, 5).scalar(I64, -2).with("upper", 0),
        node("Trilu").reals(5, 3).scalar(I64, 1), node("Tile").integers(I32, 0, 9, 2, 3).list(2, 1), node("Tile").reals(2, 3).list(0, 2),
        node("TopK").integers(I64, 0, 4, 3, 6).list(3).outputs(2), node("TopK").reals(6, 3).list(2).with("axis", 0).with("largest", 0).outputs(2),
        node("TopK").elements(f64, 2, 5).list(5).outputs(2), node("Expand").integers(I8, 0, 9, 3, 1).list(2, 1, 4), node("Expand").reals(1).list(),
        node("Slice").integers(I32, 0, 99, 5, 6).list(4, -1).list(0, -100).list(0, 1).list(-2, -3), node("Slice").reals(5, 6).list(1).list(1000).list(-1),
        node("Slice", 9).reals(5, 6).ints("starts", 1, -3).ints("ends", 4, 9), node("Split", 18).reals(7, 2).with("num_outputs", 3).outputs(3),
        node("Split").integers(I64, 0, 9, 2, 7).list(3, 0, 4).with("axis", -1).outputs(3), node("Split", 11).reals(6, 2).outputs(2),
        node("Concat").integers(U8, 0, 9, 2, 3).integers(U8, 0, 9, 2, 0).integers(U8, 0, 9, 2, 1).with("axis", -1),
        node("Reshape").reals(2, 3, 4).list(0, -1), node("Reshape").reals(0, 3).list(3, 0).with("allowzero", 1), node("Squeeze").reals(1, 3, 1),
        node("Unsqueeze").reals(3, 4).list(-1, 0), node("Transpose").integers(I32, 0, 9, 2, 3, 4).ints("perm", 2, 0, 1), node("Shape", 15).reals(2, 3, 4).with("start", -2),
        node("ConstantOfShape").list(2, 0, 3), node("Identity").given(truths(1, 0)), node("CastLike", 15).reals(4).scalar(I64, 1),
        cast(F32, I32), cast(F32, ElementType.BOOL), cast(f64, F32), cast(I64, U8), cast(I32, F32), cast(F32, ElementType.F16), cast(U8, I8),
        cast(ElementType.F16, f64), cast(I8, U8), cast(F32, I64));
  }

  private static SingleNode cast(ElementType from, ElementType to) {
    Map<ElementType, Integer> numbers = Map.of(F32, 1, U8, 2, I8, 3, I32, 6, I64, 7, ElementType.BOOL, 9, ElementType.F16, 10, ElementType.F64, 11);
    SingleNode node = node("Cast").with("to", numbers.get(to));
    return from.isFloat() ? node.elements(from, 3, 4) : node.integers(from, from == U8 ? 0 : -100, 100, 3, 4);
  }

  private static SingleNode einsum(String equation) {
    return node("Einsum").with("equation", equation);
  }

  private static SingleNode node(String operation) {
    return SingleNode.of(operation, 17);
  }

  private static SingleNode node(String operation, int opset) {
    return SingleNode.of(operation, opset);
  }

  private static Tensor extremes() {
    return Tensor.f32(new float[] {0, 1, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN, -2}, 2, 3);
  }

  private static Tensor truths(long... values) {
    return Tensor.ofLongs(ElementType.BOOL, values, values.length);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("nodes")
  void computesWhatOnnxRuntimeDoes(SingleNode node) throws OrtException {
    Map<String, Tensor> expected = OnnxRuntimeGraph.outputs(node.write(folder.resolve("judged.onnx"), false), node.inputs());
    check(node, false, expected);
    check(node, true, expected);
  }

  /** Every operation that the page lists as said in others is judged here, and every such one is on the page. */
  @Test
  void thePageListsWhatIsSaidInOthers() throws IOException {
    Set<String> listed = new TreeSet<>();
    List<String> points = List.of(Files.readString(Path.of("../docs/onnx.md")).split("\n- "));
    for (String line : points.subList(1, points.size())) {
      if (line.contains("Forms`)")) {
        Pattern.compile("[A-Z]\\w+").matcher(line.split("\\):")[1]).results().map(MatchResult::group).forEach(listed::add);
      }
    }
    Set<String> judged = nodes().map(SingleNode::operation).filter(o -> Dialects.find("onnx." + o) == null)
        .collect(Collectors.toCollection(TreeSet::new));
    judged.addAll(List.of("TensorScatter", "SwiGLU")); // by their definitions, below
    assertEquals(judged, listed);
  }

  /** ONNX Runtime lacks TensorScatter on CPUs; the standard defines it by these loops. */
  @ParameterizedTest
  @CsvSource({"linear, 1, 4", "circular, 5, 2"})
  void newRowsOfACacheStandWhereTheyAreWritten(String mode, int first, int second) {
    SingleNode node = node("TensorScatter", 24).reals(2, 3, 6, 4).reals(2, 3, 2, 4).list(first, second).with("mode", mode);
    List<Tensor> in = List.copyOf(node.inputs().values());
    Tensor expected = in.get(0).cast(ElementType.F64).cast(F32);
    for (int line = 0; line < 2 * 3 * 2; line++) {
      int row = (int) (in.get(2).getLong(line / 6) + line % 2) % 6;
      for (int i = 0; i < 4; i++) {
        expected.copy((line / 2 * 6 + row) * 4 + i, in.get(1), line * 4 + i);
      }
    }
    check(node, false, Map.of("y0", expected));
    check(node, true, Map.of("y0", expected));
  }

  /** Newer than ONNX Runtime's: {@code a * sigmoid(alpha a) * b}. */
  @Test
  void swigluIsItsDefinition() {
    SingleNode node = node("SwiGLU", 28).reals(3, 5).reals(3, 5).with("alpha", 1.5f);
    List<Tensor> in = List.copyOf(node.inputs().values());
    Tensor expected = new Tensor(F32, 3, 5);
    for (int i = 0; i < expected.size(); i++) {
      double a = in.get(0).get(i);
      expected.set(i, a / (1 + Math.exp(-1.5 * a)) * in.get(1).get(i));
    }
    check(node, false, Map.of("y0", expected));
    check(node, true, Map.of("y0", expected));
  }

  /** All nodes here. */
  static Stream<SingleNode> nodes() {
    return Stream.of(activations(), normalizations(), windows(), arrangements(), quantization(), recurrent(), ofTheStandard()).flatMap(s -> s);
  }

  private void check(SingleNode node, boolean named, Map<String, Tensor> expected) {
    try (ImportedModel model = OnnxImporter.importStage(node.write(folder.resolve("model.onnx"), named))) {
      Verifier.verify(model.module());
      Stage stage = model.module().stages().get(0);
      List<EvalValue> got = new Evaluator().run(stage, new ArrayList<>(node.inputs().values()));
      List<Tensor> wanted = new ArrayList<>(expected.values());
      for (int i = 0; i < wanted.size(); i++) {
        assertNull(difference(wanted.get(i), (Tensor) got.get(i)), "output " + i);
        requirePromise(stage.outputs().get(i).tensorType(), wanted.get(i));
      }
    } catch (OnnxException e) {
      // Sizes that a result's rank depends on must be known: that is said, in one line.
      assertTrue(named && e.getMessage().contains("known"), e::getMessage);
    }
  }

  private static void requirePromise(TensorType promised, Tensor got) {
    assertEquals(got.element(), promised.element());
    assertEquals(got.rank(), promised.rank());
    for (int i = 0; i < got.rank(); i++) {
      Dim d = promised.dim(i);
      assertTrue(!d.isKnown() || d.value() == got.dim(i), () -> promised.text() + " was promised, came " + got.type().text());
    }
  }

  private static String difference(Tensor want, Tensor got) {
    if (want.element() != got.element() || !Arrays.equals(want.shape(), got.shape())) {
      return "got " + got.type().text() + ", wanted " + want.type().text();
    }
    for (int i = 0; i < want.size(); i++) {
      double a = got.get(i);
      double b = want.get(i);
      boolean close = want.element().isFloat()
          ? a == b || Double.isNaN(a) && Double.isNaN(b) || Math.abs(a - b) <= 1e-5 + 1e-4 * Math.abs(b)
          : want.getLong(i) == got.getLong(i);
      if (!close) {
        return "element " + i + " is " + a + ", wanted " + b;
      }
    }
    return null;
  }
}
