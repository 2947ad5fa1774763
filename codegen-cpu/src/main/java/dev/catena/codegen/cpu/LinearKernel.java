package dev.catena.codegen.cpu;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Matrix products with packed weights ({@link MatrixLayout}).
 *
 * <p>With VNNI, quantized weights are multiplied as codes: activations become whole numbers of three byte digits (23 bits
 * and one scale for up to 128 columns: as fine as f32 beside the segment's largest), and vpdpbusd multiplies exactly. A
 * row's result then doesn't depend on which rows share its step.
 *
 * <p>Otherwise up to {@value #MOST_STREAMED} rows read the weights straight from memory (codes become floats under the
 * exponent of 1.0), and more rows go through a tile of f32 weights in the cache.
 */
final class LinearKernel {
    private static final int MOST_STREAMED = 16;
    private static final int TILE_DEPTH = 256;
    private static final int TILE_BLOCKS = 16;

    /** How much of a cache the digits of a panel of rows may take, and the most and least rows of a panel. */
    private static final long DIGITS_BYTES = 512 << 10;
    private static final int MOST_DIGIT_ROWS = 64;
    private static final int LEAST_DIGIT_ROWS = 16;

    private LinearKernel() {}

    static KernelCall of(LinearLaunch launch, CpuTarget target) {
        MatrixType type = launch.type();
        if (!type.element().quantized()) {
            return floats(launch, target);
        }
        return target.has("avx512vnni") ? digits(launch) : quantizedFloats(launch, target);
    }

    private static KernelCall floats(LinearLaunch launch, CpuTarget target) {
        boolean f16 = launch.type().element() == MatrixType.Element.F16;
        Map<String, Object> values = values(launch.type(), name(launch.type()));
        values.put("element", f16 ? "_Float16" : "float");
        values.put("element_bytes", f16 ? 2 : 4);
        values.put("load", f16 ? "load16_f16" : "load16");
        return streamedOrTiled(launch, target, values, 4L * launch.type().columns(), "linear_float.c");
    }

    private static KernelCall quantizedFloats(LinearLaunch launch, CpuTarget target) {
        MatrixLayout layout = new MatrixLayout(launch.type());
        Map<String, Object> values = quantizedValues(launch.type(), name(launch.type()));
        values.put("code_count", 1 << launch.type().element().bits());
        long preparedBytes = 4L * (layout.words() * layout.codesPerWord() + launch.type().groups());
        return streamedOrTiled(launch, target, values, preparedBytes, "linear_quantized.c", "linear_codes_tile.c", "linear_fma.c");
    }

    private static KernelCall digits(LinearLaunch launch) {
        MatrixType type = launch.type();
        boolean int8 = launch.activations() == Activations.INT8;
        int digits = int8 ? 1 : 3;
        int segment = Math.min(int8 ? 32 : 128, type.group());
        long preparedBytes = digitsBytes(type, digits, segment);
        int panel = (int) Math.max(LEAST_DIGIT_ROWS, Math.min(MOST_DIGIT_ROWS, DIGITS_BYTES / preparedBytes / 4 * 4));
        String name = name(type) + (int8 ? "_int8" : "");
        Map<String, Object> values = quantizedValues(type, name);
        values.put("digits", digits);
        values.put("segment", segment);
        values.put("largest", int8 ? 127 : 127 * 65536);
        values.put("digits_note", int8 ? "" : ": three digits are as fine as f32 beside the segment's largest value");
        values.put("choose", """
                  for (int32_t r = 0; r < rows; r += %d)
                    %s_streamed(least(%d, rows - r), x + (int64_t)r * x_stride, x_stride, y + (int64_t)r * y_stride, y_stride, weight,
                                bias, residual ? residual + (int64_t)r * residual_stride : 0, residual_stride, scratch, first, end);"""
                .formatted(panel, name, panel));
        String source = CTemplate.fill(values, "linear_quantized.c", "linear_digits.c", "linear_streamed.c", "linear.c");
        return new KernelCall(name, source, panel * preparedBytes, arguments(launch));
    }

    private static KernelCall streamedOrTiled(LinearLaunch launch, CpuTarget target, Map<String, Object> values,
            long preparedBytes, String... storage) {
        String name = name(launch.type());
        String arguments = "(rows, x, x_stride, y, y_stride, weight, bias, residual, residual_stride, scratch, first, end);";
        values.put("choose", """
                  if (rows <= MOST_STREAMED)
                    %s_streamed%s
                  else
                    %s_tiled%s""".formatted(name, arguments, name, arguments));
        List<String> templates = new ArrayList<>(List.of(storage));
        templates.addAll(List.of("linear_streamed.c", "linear_tiled.c", "linear.c"));
        return new KernelCall(name, CTemplate.fill(values, templates.toArray(String[]::new)),
                Math.max(MOST_STREAMED * preparedBytes, tilesBytes(target)), arguments(launch));
    }

    /** The macros that this target's linear kernels share: how much work is in registers and in the cache at once. */
    static String targetMacros(CpuTarget target) {
        boolean wide = target.lanes() == 16;
        return """
                /* Linear kernels. */
                #define MOST_STREAMED %d          /* rows up to which weights are used straight from memory */
                #define MOST_STREAMED_TOGETHER %d /* rows that share a loaded weight then */
                #define CHAINS %d                 /* independent sums for each of them */
                #define PREFETCH %d            /* bytes ahead */
                #define PANEL_ROWS %d           /* more rows: how many share a tile of weights */
                #define MICRO_ROWS %d            /* of which this many are in registers */
                #define MICRO_TAIL %d             /* and of those left over this many */
                #define TILE_DEPTH %d
                #define TILE_BLOCKS %d
                #define X_TILE_STRIDE (TILE_DEPTH + 16)
                #define Y_TILE_STRIDE (TILE_BLOCKS * 16 + 16)
                """.formatted(MOST_STREAMED, wide ? 4 : 2, wide ? 4 : 2, 1024, panelRows(target), microRows(target),
                wide ? 4 : 2, TILE_DEPTH, TILE_BLOCKS);
    }

    private static String name(MatrixType type) {
        String shape = "_n" + type.rows() + "_k" + type.columns();
        String element = type.element().name().toLowerCase(Locale.ROOT).replace('u', 'w');
        return "linear_" + element + shape
                + (type.element().quantized() ? "_g" + type.group() + (type.symmetric() ? "_symmetric" : "") : "");
    }

    private static Map<String, Object> values(MatrixType type, String name) {
        Map<String, Object> values = new HashMap<>();
        values.put("name", name);
        values.put("n", type.rows());
        values.put("k", type.columns());
        return values;
    }

    private static Map<String, Object> quantizedValues(MatrixType type, String name) {
        MatrixLayout layout = new MatrixLayout(type);
        Map<String, Object> values = values(type, name);
        int bits = type.element().bits();
        values.put("bits", bits);
        values.put("group", type.group());
        values.put("codes_per_word", layout.codesPerWord());
        values.put("block_bytes", layout.blockBytes());
        values.put("zeros_note", type.symmetric() ? ", zero " + type.middleCode() : "");
        values.put("zeros_layout", type.symmetric() ? "" : ", u8 zeros [GROUPS][16]");
        values.put("return_zero", type.symmetric() ? "return splat(" + type.middleCode() + ");"
                : "return load16_u8((const uint8_t *)(block + WORDS * 64ll + GROUPS * 32ll) + 16 * group);");
        return values;
    }

    /** PREPARED_BYTES of linear_digits.c. */
    private static long digitsBytes(MatrixType type, int digits, int segment) {
        long segmentsInGroup = (type.group() + segment - 1) / segment;
        long digitStride = (type.columns() + 31) / 16 * 16;
        return (digits * digitStride + 4 * (type.groups() * segmentsInGroup + type.groups()) + 63) / 64 * 64;
    }

    private static int microRows(CpuTarget target) {
        return target.lanes() == 16 ? 16 : 6;
    }

    private static int panelRows(CpuTarget target) {
        return 256 / microRows(target) * microRows(target);
    }

    private static long tilesBytes(CpuTarget target) {
        return 4L * (panelRows(target) * (TILE_DEPTH + 16L + TILE_BLOCKS * 16L + 16L) + TILE_DEPTH * 16L);
    }

    private static List<String> arguments(LinearLaunch launch) {
        return new CArguments().rows(launch.rows()).view(launch.x()).view(launch.y()).weight(launch.weight())
                .weight(launch.bias()).view(launch.residual()).plain("scratch").plain("thread").list();
    }
}
