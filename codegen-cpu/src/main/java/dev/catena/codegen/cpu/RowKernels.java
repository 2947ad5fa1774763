package dev.catena.codegen.cpu;

import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.LayerNormLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.TableLayout;
import java.util.Locale;
import java.util.Map;

/** Kernels that treat each row by itself: norms, table look-up, row selection. Rows are split over the threads. */
final class RowKernels {
    private RowKernels() {}

    static KernelCall of(RmsNormLaunch launch) {
        int parts = launch.x().columns() / launch.width();
        String name = "rms_norm_c" + launch.width() + (parts > 1 ? "x" + parts : "");
        String source = CTemplate.fill(Map.of("name", name, "columns", launch.width(), "parts", parts), "rms_norm.c");
        return new KernelCall(name, source, 0, new CArguments().rows(launch.rows()).view(launch.x()).view(launch.y())
                .weight(launch.weight()).plain(CArguments.literal(launch.epsilon())).plain("thread").list());
    }

    static KernelCall of(LayerNormLaunch launch) {
        int parts = launch.x().columns() / launch.width();
        boolean biased = launch.bias().isPresent();
        String name = "layer_norm_c" + launch.width() + (parts > 1 ? "x" + parts : "") + (launch.own() > 1 ? "_own" + launch.own() : "")
                + (biased ? "_biased" : "");
        String source = CTemplate.fill(Map.of("name", name, "columns", launch.width(), "parts", parts, "own", launch.own(),
                "biased", biased ? 1 : 0), "layer_norm.c");
        CArguments arguments = new CArguments().rows(launch.rows()).view(launch.x()).view(launch.y()).weight(launch.weight());
        launch.bias().ifPresentOrElse(arguments::weight, () -> arguments.plain("0"));
        return new KernelCall(name, source, 0, arguments.plain(CArguments.literal(launch.epsilon())).plain("thread").list());
    }

    static KernelCall of(SelectRowsLaunch launch) {
        String name = "select_rows_c" + launch.x().columns();
        String source = CTemplate.fill(Map.of("name", name, "columns", launch.x().columns()), "select_rows.c");
        return new KernelCall(name, source, 0,
                new CArguments().plain("step").view(launch.x()).view(launch.y()).plain("thread").list());
    }

    static KernelCall of(EmbeddingLaunch launch) {
        MatrixType type = launch.type();
        boolean packed = launch.packed();
        String element = type.element().name().toLowerCase(Locale.ROOT);
        boolean byToken = launch.key() == EmbeddingLaunch.Key.TOKEN;
        String name = (byToken ? "embedding_" : "position_rows_") + element + "_v" + type.rows() + "_c" + type.columns()
                + type.storageSuffix() + (packed ? "_packed" : "");
        String source = CTemplate.fill(Map.of("name", name, "key", byToken ? "token" : "position", "vocabulary", type.rows(), "width", type.columns(),
                "rows_together", packed ? MatrixLayout.BLOCK_ROWS : 1,
                "row_bytes", packed ? new MatrixLayout(type).blockBytes() : new TableLayout(type).rowBytes(),
                "layout", packed ? "packed for a linear layer" : layoutNote(type),
                "expand", packed ? PackedRows.expand(type) : expand(type, new TableLayout(type))), "embedding.c");
        return new KernelCall(name, source, 0,
                new CArguments().plain("step").weight(launch.table()).view(launch.y()).plain("thread").list());
    }

    private static String layoutNote(MatrixType type) {
        return type.element().quantized()
                ? "codes, then " + type.scale().name().toLowerCase(Locale.ROOT) + " scales" + (type.symmetric() ? "" : ", then u8 zeros") + " for groups of " + type.group()
                : "rows of " + type.element().name().toLowerCase(Locale.ROOT);
    }

    /** The statements that make one row of floats. */
    private static String expand(MatrixType type, TableLayout layout) {
        return switch (type.element()) {
            case F32 -> "    __builtin_memcpy(out, row, WIDTH * sizeof(float));";
            case F16 -> "    for (int32_t c = 0; c < WIDTH; c++) out[c] = (float)((const _Float16 *)row)[c];";
            case U8, U4, U3, U2 -> """
                        const uint8_t *codes = (const uint8_t *)row;
                        const %s *scales = (const %s *)(row + %d);
                    %s    for (int32_t c = 0; c < WIDTH; c++)
                          out[c] = (float)((int32_t)%s - %s) * (float)scales[c / %d];""".formatted(scaleType(type), scaleType(type), layout.scalesOffset(),
                    type.symmetric() ? ""
                            : "    const uint8_t *zeros = (const uint8_t *)(row + %d);\n".formatted(layout.zerosOffset()),
                    code(type.element().bits()),
                    type.symmetric() ? Integer.toString(type.middleCode()) : "zeros[c / %d]".formatted(type.group()),
                    type.group());
        };
    }

    private static String scaleType(MatrixType type) {
        return type.f32Scales() ? "float" : "_Float16";
    }

    /** Of a stream of bits; a code of 3 bits may lie in two bytes (behind the last there are scales). */
    private static String code(int bits) {
        return switch (bits) {
            case 8 -> "codes[c]";
            case 3 -> "((codes[c * 3 / 8] | codes[c * 3 / 8 + 1] << 8) >> c * 3 % 8 & 7)";
            default -> "(codes[c / %d] >> (c %% %d * %d) & %d)".formatted(8 / bits, 8 / bits, bits, (1 << bits) - 1);
        };
    }
}
