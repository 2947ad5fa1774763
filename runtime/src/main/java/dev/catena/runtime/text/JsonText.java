package dev.catena.runtime.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** How JSON of unknown origin is read here: bounded in size, depth and names, and complaining in one line. */
final class JsonText {
    /** Field names are not interned or shared: a vocabulary has a hundred thousand of them, used once. */
    static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .build());
    /** For whole documents; a value within a stream is naturally followed by others. */
    private static final ObjectReader DOCUMENT = MAPPER.reader(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private JsonText() {
    }

    /** @throws IOException with a message that doesn't name the file, if it is larger than {@code maxBytes} or unreadable */
    static byte[] read(Path file, int maxBytes) throws IOException {
        // The size is checked on what is read, not on what the file system says: it may grow, or be a device.
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw new IOException("is larger than " + maxBytes / 1024 / 1024 + " MiB");
            }
            return bytes;
        }
    }

    /** The document as a tree. */
    static JsonNode parse(byte[] json) throws IOException {
        return DOCUMENT.readTree(json);
    }

    /** What is wrong, without the file's content and in one line. */
    static String complaint(IOException e) {
        if (e instanceof JsonProcessingException json) {
            String where = json.getLocation() == null ? ""
                    : " at line " + json.getLocation().getLineNr() + ", column " + json.getLocation().getColumnNr();
            return "is not valid JSON" + where + ": " + firstLine(json.getOriginalMessage());
        }
        if (e instanceof NoSuchFileException) {
            return "does not exist";
        }
        return e.getMessage() == null ? e.getClass().getSimpleName() : firstLine(e.getMessage());
    }

    static String firstLine(String text) {
        String line = String.valueOf(text).lines().findFirst().orElse("");
        return line.length() <= 200 ? line : line.substring(0, 200) + "…";
    }
}
