package dev.catena.codegen.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The machine code of a cubin's kernels: an ELF file with a section {@code .text.NAME} for each. */
final class Cubin {
    private static final String TEXT = ".text.";
    /** ELF64: where the header says where section headers are, and offsets in a section header. */
    private static final int SECTIONS = 40, SECTION_SIZE = 58, NAME = 0, OFFSET = 24, SIZE = 32;

    private final ByteBuffer file;
    private final Map<String, SassKernel> kernels = new LinkedHashMap<>();

    /** @param capability of the code, such as 86 */
    Cubin(byte[] bytes, int capability) {
        file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int table = (int) file.getLong(SECTIONS);
        int size = file.getShort(SECTION_SIZE);
        int count = file.getShort(SECTION_SIZE + 2);
        int names = (int) file.getLong(table + file.getShort(SECTION_SIZE + 4) * size + OFFSET);
        for (int i = 0; i < count; i++) {
            int header = table + i * size;
            String name = text(names + file.getInt(header + NAME));
            if (name.startsWith(TEXT)) {
                int start = (int) file.getLong(header + OFFSET);
                kernels.put(name.substring(TEXT.length()), new SassKernel(name.substring(TEXT.length()),
                        file.slice(start, (int) file.getLong(header + SIZE)).order(ByteOrder.LITTLE_ENDIAN), capability));
            }
        }
    }

    private String text(int start) {
        int end = start;
        while (file.get(end) != 0) {
            end++;
        }
        return new String(file.array(), start, end - start, StandardCharsets.US_ASCII);
    }

    /** A kernel by its name. */
    SassKernel kernel(String name) {
        SassKernel kernel = kernels.get(name);
        if (kernel == null) {
            throw new IllegalArgumentException("no kernel " + name + " among " + kernels.keySet());
        }
        return kernel;
    }
}
