package dev.catena.runtime;

import dev.catena.runtime.sampling.SamplingParameters;
import java.util.Objects;
import java.util.Set;

/**
 * How tokens are generated. {@link #greedy} or {@link #sampling(SamplingParameters)} and the {@code with…} methods make
 * one; immutable.
 *
 * @param sampling  how each token is chosen
 * @param choice    chooses each token in its place, or null; one with state serves one generation at a time
 * @param maxTokens at most this many
 * @param stopIds   ids that end the generation; they are not returned
 * @param ignoreEos whether the model's own end-of-text ids are tokens like any other
 * @param logits    gets the logits of every position that the generation feeds, or null
 */
public record GenerationOptions(SamplingParameters sampling, TokenChoice choice, int maxTokens, Set<Integer> stopIds,
        boolean ignoreEos, LogitsSink logits) {
    public GenerationOptions {
        Objects.requireNonNull(sampling);
        stopIds = Set.copyOf(stopIds);
        if (maxTokens < 0) {
            throw new IllegalArgumentException(maxTokens + " tokens");
        }
    }

    /** The likeliest token each time, until the model ends the text or the context is full. */
    public static GenerationOptions greedy() {
        return sampling(SamplingParameters.greedy());
    }

    /** Sampled tokens, until the model ends the text or the context is full. */
    public static GenerationOptions sampling(SamplingParameters parameters) {
        return new GenerationOptions(parameters, null, Integer.MAX_VALUE, Set.of(), false, null);
    }

    public GenerationOptions withChoice(TokenChoice chosen) {
        return new GenerationOptions(sampling, chosen, maxTokens, stopIds, ignoreEos, logits);
    }

    public GenerationOptions withMaxTokens(int tokens) {
        return new GenerationOptions(sampling, choice, tokens, stopIds, ignoreEos, logits);
    }

    public GenerationOptions withStopIds(Set<Integer> ids) {
        return new GenerationOptions(sampling, choice, maxTokens, ids, ignoreEos, logits);
    }

    public GenerationOptions withIgnoreEos(boolean ignore) {
        return new GenerationOptions(sampling, choice, maxTokens, stopIds, ignore, logits);
    }

    public GenerationOptions withLogits(LogitsSink sink) {
        return new GenerationOptions(sampling, choice, maxTokens, stopIds, ignoreEos, sink);
    }
}
