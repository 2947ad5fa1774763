package dev.catena.runtime.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The bytes of every token, for tokenizers whose text is the tokens' bytes laid end to end: byte-level BPE (GPT-2,
 * Llama 3, Qwen), and sentencepiece pieces with byte fallback (Llama 2, Mistral, Gemma). The latter lose spaces at the
 * start of a text, which is the one thing that depends on the place.
 */
final class TokenBytes {
    private final byte[] bytes;
    /** Token id's bytes are from offsets[id] to offsets[id + 1]. */
    private final int[] offsets;
    private final int leadingSpaces;

    private TokenBytes(byte[] bytes, int[] offsets, int leadingSpaces) {
        this.bytes = bytes;
        this.offsets = offsets;
        this.leadingSpaces = leadingSpaces;
    }

    /** The table, or empty if the tokenizer's decoder does something else than concatenate. */
    static Optional<TokenBytes> of(TokenizerJson tokenizer) {
        return DecoderSteps.of(tokenizer.decoder()).map(steps -> {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            int[] offsets = new int[tokenizer.vocabularySize() + 1];
            for (int id = 0; id < tokenizer.vocabularySize(); id++) {
                if (tokenizer.piece(id) != null && !tokenizer.isSpecial(id)) {
                    all.writeBytes(steps.bytes(tokenizer.piece(id)));
                }
                offsets[id + 1] = all.size();
            }
            return new TokenBytes(all.toByteArray(), offsets, steps.leadingSpaces);
        });
    }

    /** How many spaces a text loses at its start. */
    int leadingSpaces() {
        return leadingSpaces;
    }

    /** Number of bytes; 0 for special tokens and ids that the tokenizer doesn't know (models pad their vocabularies). */
    int length(int id) {
        return id < 0 || id >= offsets.length - 1 ? 0 : offsets[id + 1] - offsets[id];
    }

    byte byteAt(int id, int index) {
        return bytes[offsets[id] + index];
    }

    byte[] copy(int id) {
        return length(id) == 0 ? new byte[0] : Arrays.copyOfRange(bytes, offsets[id], offsets[id + 1]);
    }

    /** The decoders of a {@code tokenizer.json}, as far as they work on each piece alone, and the strip that ends them. */
    private static final class DecoderSteps {
        private static final Pattern BYTE_PIECE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

        private final List<String[]> replacements = new ArrayList<>();
        private boolean byteLevel;
        private boolean byteFallback;
        private int leadingSpaces;

        static Optional<DecoderSteps> of(JsonNode decoder) {
            DecoderSteps steps = new DecoderSteps();
            List<JsonNode> parts = new ArrayList<>();
            if (decoder.path("type").asText().equals("Sequence")) {
                decoder.path("decoders").forEach(parts::add);
            } else {
                parts.add(decoder);
            }
            boolean fused = false;
            for (JsonNode part : parts) {
                // Whatever works on pieces must come before they are joined, and nothing may follow a strip.
                if (steps.leadingSpaces > 0 || steps.byteLevel) {
                    return Optional.empty();
                }
                switch (part.path("type").asText()) {
                    case "ByteLevel" -> {
                        if (fused || steps.byteFallback || !steps.replacements.isEmpty()) {
                            return Optional.empty();
                        }
                        steps.byteLevel = true;
                    }
                    case "ByteFallback" -> {
                        if (fused) {
                            return Optional.empty();
                        }
                        steps.byteFallback = true;
                    }
                    case "Replace" -> {
                        JsonNode from = part.path("pattern").path("String");
                        if (fused || !from.isTextual() || from.textValue().isEmpty() || !part.path("content").isTextual()) {
                            return Optional.empty();
                        }
                        steps.replacements.add(new String[] {from.textValue(), part.path("content").textValue()});
                    }
                    case "Fuse" -> fused = true;
                    case "Strip" -> {
                        if (!fused || !part.path("content").asText().equals(" ") || part.path("stop").asInt(-1) != 0) {
                            return Optional.empty();
                        }
                        steps.leadingSpaces = part.path("start").asInt(0);
                    }
                    default -> {
                        return Optional.empty();
                    }
                }
            }
            boolean joins = fused || steps.byteLevel || steps.byteFallback || !steps.replacements.isEmpty();
            return joins ? Optional.of(steps) : Optional.empty();
        }

        byte[] bytes(String piece) {
            if (byteLevel) {
                return ByteLevelAlphabet.decode(piece);
            }
            for (String[] replacement : replacements) {
                piece = piece.replace(replacement[0], replacement[1]);
            }
            if (byteFallback && BYTE_PIECE.matcher(piece).matches()) {
                return new byte[] {(byte) Integer.parseInt(piece.substring(3, 5), 16)};
            }
            return piece.getBytes(StandardCharsets.UTF_8);
        }
    }
}
