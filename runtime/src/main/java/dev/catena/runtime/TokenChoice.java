package dev.catena.runtime;

import java.nio.FloatBuffer;

/** Chooses the next token, in place of {@link dev.catena.runtime.sampling.Sampler}: for constrained or scripted decoding. */
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
}
