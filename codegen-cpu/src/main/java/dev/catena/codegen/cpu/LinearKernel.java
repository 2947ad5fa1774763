package dev.catena.codegen.cpu;

import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Matrix products with packed weights ({@link MatrixLayout}). A row's result depends neither on the number of threads nor
 * on which rows share its step, bit for bit.
 *
 * <p>Quantized weights are multiplied as codes: activations become whole numbers of 23 bits and a sign, in digits that the
 * target's integer products take, with one scale for up to 128 columns; beside a segment's largest value that is as fine as
 * f32, and the products are exact. This also takes fewer instructions than making a float of every code.
 *
 * <p>f32 and f16 weights: up to {@value #MOST_STREAMED} rows read them straight from memory, more rows go through a tile of
 * f32 weights in the cache. With activations in bf16 both operands are rounded to it, where the target multiplies such pairs;
 * codes are multiplied by whole numbers of 15 bits and a sign then, which are finer than bf16.
 */
final class LinearKernel {
    private static final int MOST_STREAMED = 16;
    private static final int TILE_DEPTH = 256;
    private static final int TILE_BLOCKS = 16;

    /** How much of a cache the digits of a panel of rows may take, and the most and least rows of a panel. */
    private static final long DIGITS_BYTES = 512 << 10;
    private static final int MOST_PANEL_ROWS = 128;
    private static final int LEAST_PANEL_ROWS = 16;

    /** Columns of a tile of codes, which is to stay in the first cache beside the rows that meet it. */
    private static final int TILE_COLUMNS = 512;

    private LinearKernel() {}

    static KernelCall of(LinearLaunch launch, CpuTarget target) {
        return launch.type().element().quantized() ? quantized(launch, target) : floats(launch, target);
    }

    private static KernelCall floats(LinearLaunch launch, CpuTarget target) {
        MatrixType type = launch.type();
        boolean f16 = type.element() == MatrixType.Element.F16;
        int terms = AmxLinear.terms(type, launch.activations(), target);
        boolean pairs = terms == 0 && launch.activations() == Activations.BF16 && target.has("avx512bf16");
        String name = name(type) + (pairs || terms == 1 ? "_bf16" : "");
        Map<String, Object> values = values(type, name);
        values.put("element", f16 ? "_Float16" : "float");
        values.put("element_bytes", f16 ? 2 : 4);
        values.put("load", f16 ? "load16_f16" : "load16");
        if (terms > 0) {
            int panel = AmxLinear.panelRows(AmxLinear.floatRowBytes(type, terms));
            AmxLinear.addFloats(values, terms, panel);
            values.put("choose", panels(name, AmxLinear.EVEN_PANEL));
            String source = CTemplate.fill(values, "linear_float.c", "linear_finish.c", "linear_bf16_amx.c", "linear.c");
            return new KernelCall(name, source, AmxLinear.floatsScratch(type, terms, panel), arguments(launch));
        }
        values.put("choose", (pairs ? """
                  %s_x *pairs = (%s_x *)(scratch + TILES_BYTES);
                  for (int32_t r = 0; r < rows; r += PANEL_ROWS) {
                    const int32_t panel = least(PANEL_ROWS, rows - r);
                    const float *these = residual ? residual + (int64_t)r * residual_stride : 0;
                    %s_pairs(panel, x + (int64_t)r * x_stride, x_stride, pairs);
                    chunks work = share_work(thread, BLOCKS, panel <= MOST_STREAMED ? 4 : TILE_BLOCKS);
                    for (chunk c; next_chunk(&work, thread, &c);)
                      if (panel <= MOST_STREAMED)
                        %s_streamed(panel, pairs, PAIRS_STRIDE, y + (int64_t)r * y_stride, y_stride, weight, bias, these,
                                    residual_stride, c.first, c.end);
                      else
                        %s_tiled(panel, pairs, PAIRS_STRIDE, y + (int64_t)r * y_stride, y_stride, weight, bias, these,
                                 residual_stride, scratch, c.first, c.end);
                  }""" : """
                  chunks work = share_work(thread, BLOCKS, rows <= MOST_STREAMED ? 4 : TILE_BLOCKS);
                  for (chunk c; next_chunk(&work, thread, &c);)
                    if (rows <= MOST_STREAMED)
                      %s_streamed(rows, x, x_stride, y, y_stride, weight, bias, residual, residual_stride, c.first, c.end);
                    else
                      %s_tiled(rows, x, x_stride, y, y_stride, weight, bias, residual, residual_stride, scratch, c.first, c.end);""")
                .replace("%s", name));
        String source = CTemplate.fill(values, "linear_float.c", pairs ? "bf16_pairs.c" : "float_columns.c", "linear_finish.c",
                "linear_float_streamed.c", "linear_tiled.c", "linear.c");
        long pairsBytes = pairs ? 4L * panelRows(target) * ((type.columns() + 1) / 2 + 15) / 16 * 16 : 0;
        return new KernelCall(name, source, tilesBytes(target) + pairsBytes, arguments(launch));
    }

    private static KernelCall quantized(LinearLaunch launch, CpuTarget target) {
        MatrixType type = launch.type();
        boolean int8 = launch.activations() == Activations.INT8;
        boolean vnni = target.has("avx512vnni");
        boolean shorts = !vnni && type.element() == MatrixType.Element.U8;
        boolean bf16 = launch.activations() == Activations.BF16;
        // 15 bits and a sign are one digit of 16: with codes of 8 bits, 128 columns add up to less than 2^30.
        int digits = int8 || bf16 && shorts ? 1 : shorts || bf16 ? 2 : 3;
        int digitBytes = shorts ? 2 : 1;
        // The longer a segment the less goes to scaling its sum.
        int segment = Math.min(128, type.group());
        long preparedBytes = preparedBytes(type, digits * digitBytes, segment);
        boolean tiles = AmxLinear.multipliesCodes(type, segment, target);
        int panel = tiles ? AmxLinear.panelRows(preparedBytes)
                : (int) Math.max(LEAST_PANEL_ROWS, Math.min(MOST_PANEL_ROWS, DIGITS_BYTES / preparedBytes / 4 * 4));
        String name = name(type) + (int8 ? "_int8" : bf16 ? "_bf16" : "");
        Map<String, Object> values = quantizedValues(type, name);
        values.put("digits", digits);
        values.put("digit_bytes", digitBytes);
        values.put("segment", segment);
        boolean wide = target.lanes() == 16;
        boolean nibbles = !vnni && !shorts;
        // As many streams as fill the memory's bandwidth.
        values.put("blocks_by_1", 4);
        values.put("blocks_by_2", wide ? 2 : 4);
        // As many chains of sums as hide a product's latency: of one digit a row has only one for each block.
        values.put("blocks_by_4", digits == 1 ? 2 : wide ? 1 : 0);
        // Six rows' sums fit the registers where a group has one segment.
        boolean sixRows = vnni && int8 && segment == type.group();
        values.put("blocks_by_6", sixRows ? 2 : 0);
        // Eight products of a line of 8-bit codes take as long as memory does.
        values.put("least_rows_ahead", wide ? type.element() == MatrixType.Element.U8 ? (8 + digits - 1) / digits : 2 : "(1 << 30)");
        // On AVX2 twelve sums of 16 bits, or eight of 32, leave registers for codes, digits and a product.
        values.put("many_rows", wide ? sixRows ? 6 : 4 : nibbles ? 6 / digits : 4 / digits);
        values.put("bytes_ahead", wide ? 0 : 2048);
        values.put("largest", int8 ? 127 : bf16 ? 127 * 256 : 127 * 65536);
        values.put("digits_note", int8 ? "" : ".\n   Together they are " + (bf16 ? "finer than bf16" : "as fine as f32")
                + " beside the segment's largest value");
        values.put("choose", panels(name, tiles ? AmxLinear.EVEN_PANEL : Integer.toString(panel)));
        List<String> templates = new ArrayList<>(List.of("linear_quantized.c", "digits_layout.c"));
        templates.addAll(vnni ? List.of("digits_bytes.c", "digits_vnni.c")
                : shorts ? List.of("digits_shorts.c") : List.of("digits_bytes.c", "digits_nibbles.c"));
        templates.addAll(List.of("linear_digits.c", "linear_finish.c", "linear_streamed.c"));
        long scratch = panel * preparedBytes;
        int tileGroups = Math.max(1, TILE_COLUMNS / type.group());
        if (!wide && !tiles) {
            values.put("tile_groups", tileGroups);
            values.put("panel", panel);
            values.put("rows_without_tile", nibbles ? 8 / digits : 4 / digits);
        }
        if (tiles) {
            AmxLinear.addCodes(values, type, digits, panel);
            templates.add("linear_panel_amx.c");
            scratch = AmxLinear.codesScratch(type, digits, segment, panel, preparedBytes);
        } else if (wide) {
            templates.add("linear_panel.c");
        } else {
            // Too few registers for rows that share a loaded word: they share a tile of codes as bytes in its place.
            templates.add("linear_panel_tiled.c");
            scratch += panel * 64L + 16L * (tileGroups * type.group() + 32L);
        }
        templates.add("linear.c");
        return new KernelCall(name, CTemplate.fill(values, templates.toArray(String[]::new)), scratch, arguments(launch));
    }

    /** Calls a kernel's function of a panel with a step's rows, up to so many at a time as {@code panel} says in C. */
    private static String panels(String name, String panel) {
        return """
                  const int32_t panel = %s;
                  for (int32_t r = 0; r < rows; r += panel)
                    %s_panel(least(panel, rows - r), x + (int64_t)r * x_stride, x_stride, y + (int64_t)r * y_stride, y_stride, weight, bias,
                             residual ? residual + (int64_t)r * residual_stride : 0, residual_stride, scratch, thread);"""
                .formatted(panel, name);
    }

    /** The macros that this target's linear kernels share: how much work is in registers and in the cache at once. */
    static String targetMacros(CpuTarget target) {
        boolean wide = target.lanes() == 16;
        return """
                /* Linear kernels. */
                #define MOST_STREAMED %d  /* rows up to which float weights are used straight from memory */
                #define PREFETCH_GROUPS 4 /* how far ahead scales and zeros are asked for */
                #define FLOAT_BLOCKS_BY_2 %d /* blocks side by side for two rows */
                #define FLOAT_BLOCKS_BY_4 %d /* for four */
                #define PANEL_ROWS %d    /* more rows: how many share a tile of weights */
                #define MICRO_ROWS %d     /* of which this many are in registers */
                #define MICRO_TAIL %d      /* and of those left over this many */
                #define TILE_DEPTH %d
                #define TILE_BLOCKS %d
                #define TILES_BYTES %dll /* of scratch that tiles of weights and rows take */
                #define X_TILE_STRIDE (TILE_DEPTH + 16)
                #define Y_TILE_STRIDE (TILE_BLOCKS * 16 + 16)
                """.formatted(MOST_STREAMED, wide ? 4 : 2, wide ? 4 : 1, panelRows(target), microRows(target), wide ? 4 : 2, TILE_DEPTH,
                TILE_BLOCKS, tilesBytes(target));
    }

    private static String name(MatrixType type) {
        String shape = "_n" + type.rows() + "_k" + type.columns();
        String element = type.element().name().toLowerCase(Locale.ROOT).replace('u', 'w');
        return "linear_" + element + shape
                + type.storageSuffix();
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
        values.put("codes_together", layout.codesTogether());
        values.put("words_together", layout.wordsTogether());
        values.put("codes", switch (type.element()) {
            case U8 -> "words.w[0]";
            case U4 -> "words.w[0] >> 4 * i & 0x0F0F0F0Fu";
            case U3 -> "(words.w[i / 4] >> 2 * (i % 4) & 0x03030303u) | (words.w[2] >> i & 0x01010101u) << 2";
            case U2 -> "words.w[0] >> 2 * i & 0x03030303u";
            case F32, F16 -> throw new IllegalArgumentException(type + " has no codes");
        });
        values.put("block_bytes", layout.blockBytes());
        values.put("scale_type", type.f32Scales() ? "float" : "_Float16");
        values.put("scale_element", type.scale().name().toLowerCase(Locale.ROOT));
        values.put("load_scale", type.f32Scales() ? "load16" : "load16_f16");
        values.put("zeros_note", type.symmetric() ? ", zero " + type.middleCode() : "");
        values.put("zeros_layout", type.symmetric() ? "" : ", u8 zeros [GROUPS][16]");
        values.put("prefetch_zero",
                type.symmetric() ? "" : "__builtin_prefetch(block + WORDS * 64ll + GROUPS * SCALE_BYTES + 16 * group);");
        values.put("return_zero", type.symmetric() ? "return splat(" + type.middleCode() + ");"
                : "return load16_u8((const uint8_t *)(block + WORDS * 64ll + GROUPS * SCALE_BYTES) + 16 * group);");
        return values;
    }

    /** PREPARED_BYTES of linear_digits.c. */
    private static long preparedBytes(MatrixType type, int bytesOfElement, int segment) {
        long segmentsInGroup = (type.group() + segment - 1) / segment;
        long elements = (type.columns() + 31) / 16 * 16;
        return (bytesOfElement * elements + 4 * (type.groups() * segmentsInGroup + type.groups()) + 63) / 64 * 64;
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

    /** Where a layer's weights lie, in a stage function's names: the first block, how many there are, and the bytes of each. */
    static List<String> weightBlocks(LinearLaunch launch) {
        MatrixType type = launch.type();
        long blocks = (type.rows() + MatrixLayout.BLOCK_ROWS - 1) / MatrixLayout.BLOCK_ROWS;
        return new CArguments().weight(launch.weight()).plain(Long.toString(blocks))
                .plain(LinearPacker.packedBytes(type) / blocks + "ll").list();
    }

    private static List<String> arguments(LinearLaunch launch) {
        return new CArguments().rows(launch.rows()).view(launch.x()).view(launch.y()).weight(launch.weight())
                .weight(launch.bias()).view(launch.residual()).plain("scratch").plain("thread").list();
    }
}
