package dev.catena.artifact;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;

/** The manifest as JSON: strict when read (no unknown, missing, doubled or retyped key), the same bytes when written. */
final class ManifestJson {
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    private ManifestJson() {}

    static byte[] write(Manifest manifest) {
        return print(manifest);
    }

    static byte[] write(GraphDescription graph) {
        return print(graph);
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static GraphDescription readGraph(byte[] bytes) {
        return read(bytes, GraphDescription.class, GraphDescription.ENTRY);
    }

    private static <T> T read(byte[] bytes, Class<T> type, String entry) {
        try {
            return JSON.readValue(bytes, type);
        } catch (IOException e) {
            throw new IllegalArgumentException(entry + " is not valid: " + reason(e), e);
        } catch (NullPointerException e) {
            throw new IllegalArgumentException(entry + " is not valid: a value is null", e);
        }
    }

    static byte[] write(GraphProgram program) {
        return print(program);
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static GraphProgram readGraphProgram(byte[] bytes) {
        return read(bytes, GraphProgram.class, GraphProgram.ENTRY);
    }

    private static byte[] print(Object manifest) {
        DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
        printer.indentObjectsWith(indenter);
        printer.indentArraysWith(indenter);
        try {
            return (JSON.writer(printer).writeValueAsString(manifest) + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a manifest must be printable", e);
        }
    }

    /** @throws IllegalArgumentException with a one-line reason */
    static Manifest read(byte[] bytes) {
        Manifest manifest;
        try {
            JsonNode tree = JSON.readTree(bytes);
            JsonNode format = tree == null ? null : tree.get("format");
            if (format == null || !format.isInt()) {
                throw new IllegalArgumentException("the manifest has no format number");
            }
            refuseOther(format.intValue());
            manifest = JSON.treeToValue(tree, Manifest.class);
        } catch (IOException e) {
            throw new IllegalArgumentException("the manifest is not valid: " + reason(e), e);
        } catch (NullPointerException e) {
            throw new IllegalArgumentException("the manifest is not valid: a value is null", e);
        }
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

    /** Jackson's message without its source excerpt, with the path of the offending value. */
    private static String reason(IOException failure) {
        if (failure instanceof JsonMappingException bad) {
            Throwable cause = bad.getCause();
            String text = cause instanceof IllegalArgumentException ? cause.getMessage() : bad.getOriginalMessage();
            if (cause instanceof NullPointerException) {
                text = "a value is null";
            }
            String path = bad.getPath().stream()
                    .map(step -> step.getFieldName() != null ? step.getFieldName() : "[" + step.getIndex() + "]")
                    .collect(Collectors.joining("."));
            if (bad instanceof MismatchedInputException) {
                int detail = text.indexOf(" (");
                text = detail > 0 ? text.substring(0, detail) : text;
            }
            return path.isEmpty() ? text : text + " at " + path;
        }
        return failure instanceof JsonProcessingException json ? json.getOriginalMessage() : failure.getMessage();
    }
}
