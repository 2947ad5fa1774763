package dev.catena.codegen.tensor.c;

import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.StoredType;

/**
 * How elements of a type lie in memory, and how they are read and written.
 *
 * @param storage the type of an element in memory
 * @param bytes   of an element
 * @param read    the value of what {@code %s} holds
 * @param write   what holds the value {@code %s}
 */
public record CElement(String storage, int bytes, String read, String write) {
    public static CElement of(StoredType element) {
        return switch (element) {
            case F64 -> plain("double", 8);
            case F32 -> plain("float", 4);
            case F16 -> new CElement("uint16_t", 2, "value_f16(%s)", "f16_of(%s)");
            case BF16 -> new CElement("uint16_t", 2, "value_bf16(%s)", "bf16_of(%s)");
            case I64 -> plain("int64_t", 8);
            case I32 -> plain("int32_t", 4);
            case I16 -> plain("int16_t", 2);
            case U64 -> plain("uint64_t", 8);
            case U32 -> plain("uint32_t", 4);
            case U16 -> plain("uint16_t", 2);
            default -> element.isInteger() || element == StoredType.BOOL ? plain(CScalars.type(element.scalar()), 1)
                    : new CElement("uint8_t", 1, "value_" + element.keyword() + "(%s)", element.keyword() + "_of(%s)");
        };
    }

    private static CElement plain(String type, int bytes) {
        return new CElement(type, bytes, "%s", "%s");
    }

    public String load(String lvalue) {
        return read.formatted(lvalue);
    }

    public String store(String value) {
        return write.formatted(value.startsWith("(") ? value : "(" + value + ")");
    }

    /** The elements of a constant as an initializer. */
    public static String literals(Buffer.Constant constant, StoredType type) {
        StringBuilder text = new StringBuilder();
        byte[] bytes = constant.bytes();
        for (int i = 0; i < constant.size(); i++) {
            text.append(i == 0 ? "" : ", ").append(switch (type) {
                case F64 -> CScalars.real(constant.real(i), false);
                case F32 -> CScalars.real(constant.real(i), true);
                case I64, U64, I32, U32, I16, U16, I8, U8, BOOL -> CScalars.integer(type.scalar(), constant.integer(i));
                case F16, BF16 -> Integer.toString((bytes[2 * i] & 0xff) | (bytes[2 * i + 1] & 0xff) << 8);
                default -> Integer.toString(bytes[i]);
            });
        }
        return text.isEmpty() ? "0" : text.toString();
    }
}
