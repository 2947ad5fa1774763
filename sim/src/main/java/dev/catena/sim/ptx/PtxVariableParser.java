package dev.catena.sim.ptx;

import java.io.ByteArrayOutputStream;

/** Reads the declaration of a variable or a parameter. */
final class PtxVariableParser {
    private static final long MAX_BYTES = 1L << 30;
    private static final int MAX_ALIGN = 4096;

    private final PtxTokens tokens;

    PtxVariableParser(PtxTokens tokens) {
        this.tokens = tokens;
    }

    /** A declaration after its space: {@code .align 16 .b8 name[64] = {…}}. */
    PtxVariable variable(String space, boolean extern) {
        int align = 0;
        String type = null;
        int vector = 1;
        while (tokens.next().startsWith(".")) {
            String word = tokens.word();
            switch (word) {
                case ".align" -> {
                    long given = tokens.number();
                    if (given < 1 || given > MAX_ALIGN || Long.bitCount(given) != 1) {
                        throw tokens.error("an alignment of " + given);
                    }
                    align = (int) given;
                }
                case ".ptr", ".global", ".const", ".shared", ".local" -> { }
                case ".v2" -> vector = 2;
                case ".v4" -> vector = 4;
                default -> type = type == null ? word.substring(1) : type;
            }
        }
        if (type == null || sizeOf(type) == 0) {
            throw tokens.error("a variable of type '" + type + "' is not supported");
        }
        String name = tokens.word();
        long count = vector;
        boolean unsized = false;
        while (tokens.accept("[")) {
            if (tokens.is("]")) {
                unsized = true;
            } else {
                long length = tokens.number();
                if (length < 0 || length > MAX_BYTES) {
                    throw tokens.error("an array of " + length + " elements");
                }
                count *= length;       // both at most 2^30
                if (count > MAX_BYTES) {
                    throw tokens.error("an array of " + count + " elements");
                }
            }
            tokens.expect("]");
        }
        int element = sizeOf(type);
        byte[] initial = null;
        if (tokens.accept("=")) {
            initial = initializer(element);
            if (unsized) {
                count = initial.length / element;
                unsized = false;
            }
        }
        long bytes = unsized ? 0 : count * element;
        if (bytes > MAX_BYTES) {
            throw tokens.error("'" + name + "' has " + bytes + " bytes");
        }
        return new PtxVariable(name, space, Math.max(align, element * vector), bytes, extern || unsized, initial);
    }

    private byte[] initializer(int element) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        boolean braces = tokens.accept("{");
        while (true) {
            if (tokens.accept("{") || tokens.accept("}") && braces) {
                if (tokens.is(";") || tokens.is("=")) {
                    return bytes.toByteArray();
                }
                continue;
            }
            if (tokens.is(",")) {
                tokens.skip();
                continue;
            }
            if (tokens.is(PtxLexer.Kind.WORD)) {
                throw tokens.error("an address as initial value is not supported");
            }
            long bits = tokens.immediate().bits();
            for (int i = 0; i < element; i++) {
                bytes.write((int) (bits >>> 8 * i));
            }
            if (!braces) {
                return bytes.toByteArray();
            }
        }
    }

    /** Bytes of an element of a PTX type, 0 for an unknown one. */
    private static int sizeOf(String type) {
        return switch (type) {
            case "b8", "u8", "s8" -> 1;
            case "b16", "u16", "s16", "f16", "bf16" -> 2;
            case "b32", "u32", "s32", "f32", "f16x2", "bf16x2" -> 4;
            case "b64", "u64", "s64", "f64" -> 8;
            case "b128" -> 16;
            default -> 0;
        };
    }
}
