package dev.catena.runtime;

import java.util.Set;

/**
 * How tokens are generated. {@link #greedy} and the {@code with…} methods make one; immutable.
 *
 * @param choice    chooses each token; one with state (a sampler) serves one generation at a time
 * @param maxTokens at most this many
 * @param stopIds   ids that end the generation; they are not returned
 * @param ignoreEos whether the model's own end-of-text ids are tokens like any other
 * @param logits    gets the logits of every position that the generation feeds, or null
 */
public record GenerationOptions(TokenChoice choice, int maxTokens, Set<Integer> stopIds, boolean ignoreEos,
        LogitsSink logits) {
    public GenerationOptions {
        stopIds = Set.copyOf(stopIds);
        if (maxTokens < 0) {
            throw new IllegalArgumentException(maxTokens + " tokens");
        }
    }

    /** The likeliest token each time, until the model ends the text or the context is full. */
    public static GenerationOptions greedy() {
        return new GenerationOptions(TokenChoice::greedy, Integer.MAX_VALUE, Set.of(), false, null);
    }

    public GenerationOptions withChoice(TokenChoice chosen) {
        return new GenerationOptions(chosen, maxTokens, stopIds, ignoreEos, logits);
    }

    public GenerationOptions withMaxTokens(int tokens) {
        return new GenerationOptions(choice, tokens, stopIds, ignoreEos, logits);
    }

    public GenerationOptions withStopIds(Set<Integer> ids) {
        return new GenerationOptions(choice, maxTokens, ids, ignoreEos, logits);
    }

    public GenerationOptions withIgnoreEos(boolean ignore) {
        return new GenerationOptions(choice, maxTokens, stopIds, ignore, logits);
    }

    public GenerationOptions withLogits(LogitsSink sink) {
        return new GenerationOptions(choice, maxTokens, stopIds, ignoreEos, sink);
    }
}
