package dev.catena.codegen.cpu;

import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;

/** How one row is read out of a block of rows that is packed for a linear layer ({@link MatrixLayout}). */
final class PackedRows {
    private PackedRows() {}

    /** The statements that make the floats {@code out} of the row {@code key} in the block {@code row}. */
    static String expand(MatrixType type) {
        String lane = "    const uint32_t lane = key %% %d;\n".formatted(MatrixLayout.BLOCK_ROWS);
        String each = "    for (int32_t c = 0; c < WIDTH; c++) out[c] = ";
        return lane + switch (type.element()) {
            case F32 -> each + "((const float *)row)[c * 16 + lane];";
            case F16 -> each + "(float)((const _Float16 *)row)[c * 16 + lane];";
            case U8, U4, U3, U2 -> codes(type, new MatrixLayout(type), each);
        };
    }

    private static String codes(MatrixType type, MatrixLayout layout, String each) {
        String scale = type.f32Scales() ? "float" : "_Float16";
        return """
                    const uint32_t *words = (const uint32_t *)row + lane;
                    const %s *scales = (const %s *)(row + %d) + lane;
                %s%s(float)((int32_t)(%s) - %s) * (float)scales[c / %d * 16];""".formatted(scale, scale, layout.scalesOffset(),
                type.symmetric() ? "" : "    const uint8_t *zeros = (const uint8_t *)(row + %d) + lane;\n".formatted(layout.zerosOffset()),
                each, code(type.element().bits()), type.symmetric() ? Integer.toString(type.middleCode())
                        : "zeros[c / %d * 16]".formatted(type.group()), type.group());
    }

    /** Byte b of a word holds the codes of columns b, b + 4 …, from its lowest bits on; of 3 bits the highest ones are apart. */
    private static String code(int bits) {
        return switch (bits) {
            case 8 -> "words[c / 4 * 16] >> c % 4 * 8 & 255";
            case 4 -> "words[c / 8 * 16] >> (c % 4 * 8 + c % 8 / 4 * 4) & 15";
            case 2 -> "words[c / 16 * 16] >> (c % 4 * 8 + c % 16 / 4 * 2) & 3";
            default -> "(words[(c / 32 * 3 + c % 32 / 16) * 16] >> (c % 4 * 8 + c % 16 / 4 * 2) & 3)"
                    + " | (words[(c / 32 * 3 + 2) * 16] >> (c % 4 * 8 + c % 32 / 4) & 1) << 2";
        };
    }
}
