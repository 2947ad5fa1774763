package dev.catena.codegen.cpu;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Matrix products with packed weights ({@link MatrixLayout}). Up to {@value #MOST_STREAMED} rows read the weights
 * straight from memory; more rows go through a tile of f32 weights in the cache.
 *
 * <p>Few rows of a quantized matrix are computed in one of two ways. With VNNI, activations become whole numbers of three
 * byte digits (22 bits and a sign, one scale for up to 128 columns: as fine as f32 beside the segment's largest), and
 * vpdpbusd multiplies exactly. Without it, codes become floats under the exponent of 1.0 and are multiplied as such.
 */
final class LinearKernel {
    private static final int MOST_STREAMED = 8;
    private static final int TILE_DEPTH = 256;
    private static final int TILE_BLOCKS = 16;

    private LinearKernel() {}

    static KernelCall of(LinearLaunch launch, CpuTarget target) {
        MatrixType type = launch.type();
        boolean digits = usesDigits(launch, target);
        boolean int8 = digits && launch.activations() == Activations.INT8;
        String name = name(type) + (int8 ? "_int8" : "");
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("name", name);
        values.put("n", type.rows());
        values.put("k", type.columns());
        String source;
        long preparedBytes;
        if (!type.element().quantized()) {
            boolean f16 = type.element() == MatrixType.Element.F16;
            values.put("element", f16 ? "_Float16" : "float");
            values.put("element_bytes", f16 ? 2 : 4);
            values.put("load", f16 ? "load16_f16" : "load16");
            source = CTemplate.fill(values, "linear_float.c", "linear.c");
            preparedBytes = 4L * type.columns();
        } else {
            putQuantized(values, type);
            if (digits) {
                int segment = Math.min(int8 ? 32 : 128, type.group());
                putDigits(values, int8, segment);
                source = CTemplate.fill(values, "linear_quantized.c", "linear_digits.c", "linear.c");
                preparedBytes = digitsBytes(type, int8 ? 1 : 3, segment);
            } else {
                values.put("code_count", 1 << type.element().bits());
                source = CTemplate.fill(values, "linear_quantized.c", "linear_fma.c", "linear.c");
                preparedBytes = 4L * (new MatrixLayout(type).words() * new MatrixLayout(type).codesPerWord() + type.groups());
            }
        }
        return new KernelCall(name, source, Math.max(MOST_STREAMED * preparedBytes, tilesBytes(target)), arguments(launch));
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
                #define TILE_DEPTH %d
                #define TILE_BLOCKS %d
                #define X_TILE_STRIDE (TILE_DEPTH + 16)
                #define Y_TILE_STRIDE (TILE_BLOCKS * 16 + 16)
                """.formatted(MOST_STREAMED, wide ? 4 : 2, wide ? 4 : 2, 1024, panelRows(target), microRows(target), TILE_DEPTH,
                TILE_BLOCKS);
    }

    private static String name(MatrixType type) {
        String shape = "_n" + type.rows() + "_k" + type.columns();
        String element = type.element().name().toLowerCase(Locale.ROOT).replace('u', 'w');
        return "linear_" + element + shape
                + (type.element().quantized() ? "_g" + type.group() + (type.symmetric() ? "_symmetric" : "") : "");
    }

    private static boolean usesDigits(LinearLaunch launch, CpuTarget target) {
        return launch.type().element().quantized() && target.has("avx512vnni");
    }

    private static void putQuantized(Map<String, Object> values, MatrixType type) {
        MatrixLayout layout = new MatrixLayout(type);
        int bits = type.element().bits();
        values.put("bits", bits);
        values.put("group", type.group());
        values.put("codes_per_word", layout.codesPerWord());
        values.put("block_bytes", layout.blockBytes());
        values.put("code_mask", (1 << bits) - 1);
        values.put("zeros_note", type.symmetric() ? ", zero " + type.middleCode() : "");
        values.put("zeros_layout", type.symmetric() ? "" : ", u8 zeros [GROUPS][16]");
        values.put("return_zero", type.symmetric() ? "return splat(" + type.middleCode() + ");"
                : "return load16_u8((const uint8_t *)(block + WORDS * 64ll + GROUPS * 32ll) + 16 * group);");
    }

    private static void putDigits(Map<String, Object> values, boolean int8, int segment) {
        values.put("digits", int8 ? 1 : 3);
        values.put("segment", segment);
        values.put("largest", int8 ? 127 : 127 * 65536);
        values.put("digits_note", int8 ? "" : ": three digits are as fine as f32 beside the segment's largest value");
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
