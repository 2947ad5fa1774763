package dev.catena.codegen.tensor.c;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** C that is CUDA C++, too: kept as resources beside this class. */
public final class CText {
    /** Integers, conversions, reals of 16 bits. */
    public static final String SCALARS = resource("scalars.c");
    /** Types of 8 bits and less. */
    public static final String NARROW = resource("narrow.c");
    /** Where tensors lie. */
    public static final String MEMORY = resource("memory.c");

    private CText() {}

    private static String resource(String name) {
        try (InputStream in = CText.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("no text " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
