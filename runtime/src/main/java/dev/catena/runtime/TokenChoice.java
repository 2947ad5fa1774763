package dev.catena.runtime;

import java.nio.FloatBuffer;

/** Chooses the next token. */
@FunctionalInterface
public interface TokenChoice {
    /**
     * @param logits        [vocabulary], from the buffer's position on; not to be changed or kept
     * @param history       ids of the sequence so far; not to be changed or kept
     * @param historyLength how many of {@code history} count
     * @param position      the position that the chosen token will have
     * @return an id below the vocabulary's size
     */
    int choose(FloatBuffer logits, int[] history, int historyLength, int position);

    /**
     * The lowest id that has the largest logit.
     *
     * @throws ArithmeticException when a logit is not a number
     */
    static int greedy(FloatBuffer logits, int[] history, int historyLength, int position) {
        int best = 0;
        int start = logits.position();
        for (int id = 0; id < logits.remaining(); id++) {
            float logit = logits.get(start + id);
            if (logit != logit) {
                throw new ArithmeticException("the logit of token " + id + " at position " + position + " is not a number");
            }
            if (logit > logits.get(start + best)) {
                best = id;
            }
        }
        return best;
    }
}
