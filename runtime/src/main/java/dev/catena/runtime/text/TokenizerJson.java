package dev.catena.runtime.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The facts of a {@code tokenizer.json} that the native library doesn't give away: which id is which piece, which
 * ids are special, how pieces become text, and which token the post-processor puts in front.
 */
final class TokenizerJson {
    static final int MAX_BYTES = 256 * 1024 * 1024;
    /** Ten times the largest vocabulary in use; a hostile id must not decide how much memory is taken. */
    private static final int MAX_ID = 1 << 22;

    private final String name;
    /** Piece by id, null where an id is not used. */
    private final List<String> pieces = new ArrayList<>();
    private final Map<String, Integer> ids = new HashMap<>();
    private final BitSet special = new BitSet();
    private int longestPiece;
    private boolean normalizes;
    private TokenizerPatterns patterns;
    private JsonNode decoder = MissingNode.getInstance();
    private JsonNode postProcessor = MissingNode.getInstance();

    private TokenizerJson(String name) {
        this.name = name;
    }

    /** @throws TokenizerException if the file can't be read or isn't a tokenizer */
    static TokenizerJson read(Path file) {
        return parse(bytes(file), file.toString());
    }

    /** @throws TokenizerException if the file can't be read or is larger than {@link #MAX_BYTES} */
    static byte[] bytes(Path file) {
        try {
            return JsonText.read(file, MAX_BYTES);
        } catch (IOException e) {
            throw new TokenizerException(file + ": " + JsonText.complaint(e), e);
        }
    }

    /**
     * @param json the file's content, UTF-8
     * @param name what errors call it
     */
    static TokenizerJson parse(byte[] json, String name) {
        TokenizerJson tokenizer = new TokenizerJson(name);
        try (JsonParser in = JsonText.MAPPER.getFactory().createParser(json)) {
            tokenizer.readFile(in);
        } catch (IOException e) {
            throw new TokenizerException(name + ": " + JsonText.complaint(e), e);
        }
        if (tokenizer.pieces.isEmpty()) {
            throw tokenizer.error("is not a tokenizer: it has no model.vocab");
        }
        return tokenizer;
    }

    /** One more than the largest id. */
    int vocabularySize() {
        return pieces.size();
    }

    /** The piece as the file writes it, or null if the id is not used. */
    String piece(int id) {
        return pieces.get(id);
    }

    /** Characters of the longest piece. */
    int longestPiece() {
        return longestPiece;
    }

    /** Whether texts are changed before they are cut into pieces. */
    boolean normalizes() {
        return normalizes;
    }

    /** The regular expressions that texts are given to. */
    TokenizerPatterns patterns() {
        return patterns;
    }

    boolean isSpecial(int id) {
        return special.get(id);
    }

    OptionalInt id(String piece) {
        Integer id = ids.get(piece);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** The {@code decoder} object; missing or JSON null where the file has none. */
    JsonNode decoder() {
        return decoder;
    }

    /** The special token that the post-processor puts before a text, if it does. */
    OptionalInt leadingSpecial() {
        return leadingSpecial(postProcessor, 0);
    }

    private OptionalInt leadingSpecial(JsonNode processor, int depth) {
        switch (processor.path("type").asText()) {
            case "TemplateProcessing" -> {
                String token = processor.path("single").path(0).path("SpecialToken").path("id").asText("");
                JsonNode id = processor.path("special_tokens").path(token).path("ids").path(0);
                return id.canConvertToInt() && id.isIntegralNumber() ? OptionalInt.of(id.intValue()) : OptionalInt.empty();
            }
            case "BertProcessing", "RobertaProcessing" -> {
                JsonNode id = processor.path("cls").path(1);
                return id.canConvertToInt() && id.isIntegralNumber() ? OptionalInt.of(id.intValue()) : OptionalInt.empty();
            }
            case "Sequence" -> {
                for (JsonNode part : processor.path("processors")) {
                    OptionalInt id = depth > 8 ? OptionalInt.empty() : leadingSpecial(part, depth + 1);
                    if (id.isPresent()) {
                        return id;
                    }
                }
                return OptionalInt.empty();
            }
            default -> {
                return OptionalInt.empty();
            }
        }
    }

    // The vocabulary and the merges are most of the file, so they are streamed past and not built as a tree.
    private void readFile(JsonParser in) throws IOException {
        if (in.nextToken() != JsonToken.START_OBJECT) {
            throw error("is not a tokenizer: it must be a JSON object");
        }
        JsonNode added = MissingNode.getInstance();
        JsonNode normalizer = MissingNode.getInstance();
        JsonNode preTokenizer = MissingNode.getInstance();
        while (in.nextToken() != JsonToken.END_OBJECT) {
            String field = in.currentName();
            in.nextToken();
            switch (field) {
                case "model" -> readModel(in);
                case "added_tokens" -> added = in.readValueAsTree();
                case "decoder" -> decoder = in.readValueAsTree();
                case "normalizer" -> normalizer = in.readValueAsTree();
                case "pre_tokenizer" -> preTokenizer = in.readValueAsTree();
                case "post_processor" -> postProcessor = in.readValueAsTree();
                default -> in.skipChildren();
            }
        }
        if (in.nextToken() != null) {
            throw error("is not a tokenizer: something follows the JSON object");
        }
        normalizes = normalizer.isObject();
        Set<String> written = new HashSet<>();
        added.forEach(token -> written.add(token.path("content").asText()));
        patterns = TokenizerPatterns.of(normalizer, preTokenizer, decoder, new AddedTokens(written), name);
        // After the vocabulary, because an added token may rename one of its ids.
        addTokens(added);
    }

    private void readModel(JsonParser in) throws IOException {
        if (in.currentToken() != JsonToken.START_OBJECT) {
            throw error("is not a tokenizer: model must be an object");
        }
        while (in.nextToken() != JsonToken.END_OBJECT) {
            String field = in.currentName();
            JsonToken value = in.nextToken();
            if (!field.equals("vocab")) {
                in.skipChildren();
            } else if (value == JsonToken.START_OBJECT) {
                readVocabulary(in);
            } else if (value == JsonToken.START_ARRAY) {
                readUnigrams(in);
            } else {
                throw error("is not a tokenizer: model.vocab must be an object or an array");
            }
        }
    }

    /** BPE, WordPiece, WordLevel: {@code {"piece": id, …}}. */
    private void readVocabulary(JsonParser in) throws IOException {
        while (in.nextToken() != JsonToken.END_OBJECT) {
            String piece = in.currentName();
            if (in.nextToken() != JsonToken.VALUE_NUMBER_INT) {
                throw error("has an id that is not an integer in model.vocab");
            }
            put(in.getLongValue(), piece);
        }
    }

    /** Unigram: {@code [["piece", score], …]}, the id is the index. */
    private void readUnigrams(JsonParser in) throws IOException {
        for (int id = 0; in.nextToken() != JsonToken.END_ARRAY; id++) {
            JsonNode entry = in.readValueAsTree();
            if (!entry.path(0).isTextual()) {
                throw error("has an entry in model.vocab that is not [piece, score]");
            }
            put(id, entry.path(0).textValue());
        }
    }

    private void addTokens(JsonNode added) {
        for (JsonNode token : added) {
            if (!token.path("id").isIntegralNumber() || !token.path("id").canConvertToLong() || !token.path("content").isTextual()) {
                throw error("has an added token without an id or a content");
            }
            long id = token.path("id").longValue();
            put(id, token.path("content").textValue());
            special.set((int) id, token.path("special").asBoolean(false));
        }
    }

    private void put(long id, String piece) {
        if (id < 0 || id >= MAX_ID) {
            throw error("has the id " + id + "; ids must be from 0 to " + (MAX_ID - 1));
        }
        while (pieces.size() <= id) {
            pieces.add(null);
        }
        pieces.set((int) id, piece);
        longestPiece = Math.max(longestPiece, piece.length());
        ids.put(piece, (int) id);
    }

    private TokenizerException error(String message) {
        return new TokenizerException(name + ": " + message);
    }
}
