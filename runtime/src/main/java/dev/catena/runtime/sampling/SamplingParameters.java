package dev.catena.runtime.sampling;

import java.util.Locale;

/**
 * How the next token is chosen from the logits. The filters apply in the order of Hugging Face transformers: repeat
 * penalty, temperature, top-k, top-p, min-p; {@link Sampler} defines each.
 *
 * @param temperature   what logits are divided by; 0 chooses the most likely token (greedy), and top-k, top-p, min-p
 *                      and seed are then without effect. Finite, not negative.
 * @param topK          only the {@code topK} largest logits stay; 0 switches the filter off
 * @param topP          only the smallest set of tokens whose probabilities reach {@code topP} stays; 1 switches the
 *                      filter off. 0 to 1.
 * @param minP          only tokens at least {@code minP} times as likely as the likeliest stay; 0 switches the filter
 *                      off. 0 to 1.
 * @param repeatPenalty logits of tokens that have occurred are divided (positive) or multiplied (negative) by it;
 *                      1 switches it off. Finite, above 0.
 * @param seed          key of the random numbers: equal seeds give equal draws at equal positions
 */
public record SamplingParameters(double temperature, int topK, double topP, double minP, double repeatPenalty, long seed) {

    /** @throws IllegalArgumentException in one line, if a value is outside its range */
    public SamplingParameters {
        require(Double.isFinite(temperature) && temperature >= 0, "temperature", temperature, "a finite number, 0 or more");
        require(topK >= 0, "top-k", topK, "0 (off) or more");
        require(topP >= 0 && topP <= 1, "top-p", topP, "from 0 to 1");
        require(minP >= 0 && minP <= 1, "min-p", minP, "from 0 to 1");
        // As float, which logits are: 1e-60 would be 0 there and make NaN of a logit of 0.
        require(Float.isFinite((float) repeatPenalty) && (float) repeatPenalty > 0, "repeat-penalty", repeatPenalty, "a finite number above 0");
    }

    /** The most likely token at every step, without a repeat penalty. */
    public static SamplingParameters greedy() {
        return new SamplingParameters(0, 0, 1, 0, 1, 0);
    }

    /** Draws from the model's own distribution at this temperature, no filter switched on. */
    public static SamplingParameters random(double temperature, long seed) {
        return new SamplingParameters(temperature, 0, 1, 0, 1, seed);
    }

    /** Whether no random number is used. */
    public boolean isGreedy() {
        return temperature == 0;
    }

    private static void require(boolean holds, String name, Number value, String range) {
        if (!holds) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s must be %s, not %s", name, range, value));
        }
    }
}
