package dev.catena.runtime.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** One object of one file; all its values are absent where the file is. */
record ConfigFile(String name, JsonNode object) {
    private static final int MAX_BYTES = 16 * 1024 * 1024;
    private static final int MAX_EOS = 256;

    static ConfigFile find(Path folder, String fileName) {
        Optional<Path> file = ModelFiles.find(folder, fileName);
        if (file.isEmpty()) {
            return new ConfigFile(fileName, MissingNode.getInstance());
        }
        String name = file.get().toString();
        try {
            JsonNode object = JsonText.parse(JsonText.read(file.get(), MAX_BYTES));
            if (!object.isObject()) {
                throw new ModelConfigException(name + ": must be a JSON object");
            }
            return new ConfigFile(name, object);
        } catch (IOException e) {
            throw new ModelConfigException(name + ": " + JsonText.complaint(e), e);
        }
    }

    ConfigFile at(String field) {
        JsonNode inner = object.path(field);
        if (!absent(inner) && !inner.isObject()) {
            throw wrong(field, "an object", inner);
        }
        return new ConfigFile(name, inner);
    }

    /** A token id; negative ones, which some exporters write for "none", count as absent. */
    OptionalInt id(String field) {
        JsonNode value = object.path(field);
        return absent(value) ? OptionalInt.empty() : id(field, value);
    }

    List<Integer> ids(String field) {
        JsonNode value = object.path(field);
        if (absent(value)) {
            return List.of();
        }
        if (value.size() > MAX_EOS) {
            throw wrong(field, "at most " + MAX_EOS + " token ids", value);
        }
        List<Integer> ids = new ArrayList<>();
        for (JsonNode element : value.isArray() ? value : List.of(value)) {
            id(field, element).ifPresent(ids::add);
        }
        return ids.stream().distinct().toList();
    }

    OptionalInt positive(String field) {
        JsonNode value = object.path(field);
        if (absent(value)) {
            return OptionalInt.empty();
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
            throw wrong(field, "a positive integer", value);
        }
        return OptionalInt.of(value.intValue());
    }

    Optional<Boolean> flag(String field) {
        JsonNode value = object.path(field);
        if (absent(value)) {
            return Optional.empty();
        }
        if (!value.isBoolean()) {
            throw wrong(field, "true or false", value);
        }
        return Optional.of(value.booleanValue());
    }

    private OptionalInt id(String field, JsonNode value) {
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(field, "a token id", value);
        }
        return value.intValue() < 0 ? OptionalInt.empty() : OptionalInt.of(value.intValue());
    }

    private static boolean absent(JsonNode value) {
        return value.isMissingNode() || value.isNull();
    }

    private ModelConfigException wrong(String field, String expected, JsonNode value) {
        return new ModelConfigException(name + ": " + field + " must be " + expected + ", not " + JsonText.firstLine(value.toString()));
    }
}
