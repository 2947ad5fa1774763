package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.sampling.Sampler;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.concurrent.CancellationException;

/**
 * Tokens as they come. {@link #hasNext} does the work: it feeds the token before and chooses the next. Use
 * {@link #nextInt}, which allocates nothing. One thread at a time; {@link Session#cancel} ends it from another.
 */
public final class Generation implements PrimitiveIterator.OfInt {
    private final Session session;
    private final GenerationOptions options;
    /** The application's choice, or null. */
    private final TokenChoice choice;
    /** Where there is no choice of the application's. */
    private final Sampler sampler;
    private final EndTokens endTokens;
    private final int[] chosen = new int[1];
    /** Chosen, not yet returned. */
    private boolean ready;
    /** Returned, not yet fed. */
    private boolean pending;
    private int count;
    private FinishReason finishReason;
    private int endToken = -1;

    Generation(Session session, Manifest.Model model, GenerationOptions options) {
        this.session = session;
        this.options = options;
        choice = options.choice();
        sampler = choice != null ? null : new Sampler(options.sampling(), model.vocab());
        endTokens = new EndTokens(model, options);
    }

    /**
     * Whether there is another token. Takes as long as a step of the model.
     *
     * @throws IllegalStateException when nothing was fed before
     * @throws dev.catena.runtime.sampling.BadLogitsException when the model's logits are no numbers to choose from
     */
    @Override
    public boolean hasNext() {
        if (ready) {
            return true;
        }
        if (finishReason != null) {
            return false;
        }
        if (count >= options.maxTokens()) {
            return end(FinishReason.LENGTH);
        }
        if (session.takeCancellation()) {
            return end(FinishReason.CANCELLED);
        }
        try {
            if (pending && !session.feedNext(chosen, options.logits())) {
                return end(FinishReason.CONTEXT_FULL);
            }
        } catch (CancellationException e) {
            return end(FinishReason.CANCELLED);
        }
        pending = false;
        int id = choice != null ? session.choose(choice) : session.sample(sampler);
        FinishReason end = endTokens.reason(id);
        if (end != null) {
            endToken = id;
            return end(end);
        }
        chosen[0] = id;
        ready = true;
        return true;
    }

    /** @return false, for {@link #hasNext} to return */
    private boolean end(FinishReason reason) {
        finishReason = reason;
        return false;
    }

    /** @throws NoSuchElementException when {@link #hasNext} is false */
    @Override
    public int nextInt() {
        if (!hasNext()) {
            throw new NoSuchElementException("the generation ended: " + finishReason);
        }
        ready = false;
        pending = true;
        count++;
        return chosen[0];
    }

    /** Ends it from the application's side, for instance because a stop text was found. A second reason is not heard. */
    public void stop(FinishReason reason) {
        if (finishReason == null) {
            ready = false;
            finishReason = reason;
        }
    }

    /** Why it ended, or null while it goes on. */
    public FinishReason finishReason() {
        return ready ? null : finishReason;
    }

    /** How many tokens were returned. */
    public int count() {
        return count;
    }

    /** The end-of-text or stop id that ended it, which was not returned; −1 if none did. */
    public int endToken() {
        return endToken;
    }
}
