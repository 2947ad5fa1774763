package dev.catena.artifact;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;

/** The manifest as JSON: strict when read ({@link JsonRecord}), the same bytes when written. */
final class ManifestJson {
    private ManifestJson() {}

    static byte[] write(Manifest manifest) {
        return Printer.print(manifest);
    }

    static byte[] write(GraphDescription graph) {
        return Printer.print(graph);
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static GraphDescription readGraph(byte[] bytes) {
        return read(bytes, GraphDescription.class, GraphDescription.ENTRY);
    }

    static byte[] write(GraphProgram program) {
        return Printer.print(program);
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static GraphProgram readGraphProgram(byte[] bytes) {
        return read(bytes, GraphProgram.class, GraphProgram.ENTRY);
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static Manifest read(byte[] bytes) {
        Integer format = JsonRecord.number(bytes, "format");
        if (format == null) {
            throw new IllegalArgumentException("the manifest has no format number");
        }
        refuseOther(format);
        Manifest manifest = read(bytes, Manifest.class, "the manifest");
        ManifestRules.check(manifest);
        return manifest;
    }

    /** @throws IllegalArgumentException when a later or an earlier version wrote this */
    static void refuseOther(int format) {
        if (format != Manifest.FORMAT) {
            throw new IllegalArgumentException("it has format " + format + ", this version of Catena reads format "
                    + Manifest.FORMAT + (format > Manifest.FORMAT ? "; use a newer Catena, or compile the model again"
                    : "; compile the model again"));
        }
    }

    private static <T extends Record> T read(byte[] bytes, Class<T> type, String what) {
        try {
            return JsonRecord.read(bytes, type);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(what + " is not valid: " + e.getMessage(), e);
        }
    }

    /** Apart, because only the compiler prints: whoever reads needn't wait for the data binder to be loaded. */
    private static final class Printer {
        private static final ObjectWriter JSON = JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                .build().writer(layout());

        private static DefaultPrettyPrinter layout() {
            DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
            DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
            printer.indentObjectsWith(indenter);
            printer.indentArraysWith(indenter);
            return printer;
        }

        static byte[] print(Object manifest) {
            try {
                return (JSON.writeValueAsString(manifest) + "\n").getBytes(StandardCharsets.UTF_8);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("a manifest must be printable", e);
            }
        }
    }
}
