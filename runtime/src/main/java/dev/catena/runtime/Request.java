package dev.catena.runtime;

import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.concurrent.CancellationException;

/**
 * A prompt that a {@link Scheduler} goes on with. Its tokens can be had as they come, from {@link #hasNext} and
 * {@link #nextInt} (one reader), by a {@link TokenListener}, or in the end from {@link #tokens}. Thread-safe.
 */
public final class Request implements PrimitiveIterator.OfInt {
    private final GenerationOptions options;
    private final TokenListener listener;
    private final int promptLength;
    /** The prompt, and behind it what was generated. Its scheduler's thread alone writes to it. */
    private int[] ids;
    private int count;
    private int read;
    private FinishReason finishReason;
    private Throwable failure;
    private int endToken = -1;
    /** Why the application wants it to end, or null. */
    private volatile FinishReason stop;

    /** @param prompt belongs to the request from now on */
    Request(int[] prompt, GenerationOptions options, TokenListener listener) {
        this.options = options;
        this.listener = listener;
        promptLength = prompt.length;
        ids = prompt;
    }

    GenerationOptions options() {
        return options;
    }

    /** Makes room for as many ids as it may come to. */
    synchronized void makeRoom(int length) {
        ids = Arrays.copyOf(ids, length);
    }

    /** The prompt and all that was generated; for the scheduler's thread. */
    int[] ids() {
        return ids;
    }

    void generated(int id) {
        synchronized (this) {
            ids[promptLength + count++] = id;
            notifyAll();
        }
        if (listener != null) {
            listener.token(this, id);
        }
    }

    /** @param token the end-of-text or stop id, or −1 */
    void end(FinishReason reason, int token, Throwable cause) {
        synchronized (this) {
            finishReason = reason;
            endToken = token;
            failure = cause;
            notifyAll();
        }
        if (listener != null) {
            listener.ended(this);
        }
    }

    FinishReason stopReason() {
        return stop;
    }

    /** Ends it at the next step, with {@link FinishReason#CANCELLED}. From any thread; an ended request stays as it is. */
    public void cancel() {
        stop(FinishReason.CANCELLED);
    }

    /** Ends it for a reason of the application's, for instance because a stop text was found. The first reason is kept. */
    public void stop(FinishReason reason) {
        synchronized (this) {
            if (stop == null) {
                stop = reason;
            }
            notifyAll();
        }
    }

    /**
     * Whether there is another token; waits for it. After {@link #cancel} and {@link #stop} there is none.
     *
     * @throws CancellationException when the calling thread is interrupted, which stays so; the request goes on
     */
    @Override
    public synchronized boolean hasNext() {
        while (stop == null && read == count && finishReason == null) {
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CancellationException("interrupted while waiting for a token");
            }
        }
        return stop == null && read < count;
    }

    /**
     * Waits until {@link #hasNext} would answer at once, or {@code millis} have passed.
     *
     * @return whether it would
     */
    public synchronized boolean awaitToken(long millis) throws InterruptedException {
        long end = System.nanoTime() + millis * 1_000_000;
        while (stop == null && read == count && finishReason == null) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }

    /** @throws NoSuchElementException when {@link #hasNext} is false */
    @Override
    public synchronized int nextInt() {
        if (!hasNext()) {
            throw new NoSuchElementException("the request ended: " + (finishReason == null ? stop : finishReason));
        }
        return ids[promptLength + read++];
    }

    /** Waits until it has ended. @return {@link #finishReason} */
    public synchronized FinishReason await() throws InterruptedException {
        while (finishReason == null) {
            wait();
        }
        return finishReason;
    }

    /** Why it ended, or null while it goes on or waits to be admitted. */
    public synchronized FinishReason finishReason() {
        return finishReason;
    }

    /**
     * What kept it from going on, with {@link FinishReason#FAILED}: a
     * {@link dev.catena.runtime.sampling.BadLogitsException}, what a listener or a {@link TokenChoice} threw, or a device's
     * error; else null.
     */
    public synchronized Throwable failure() {
        return failure;
    }

    /** The end-of-text or stop id that ended it, which is not among the tokens; −1 if none did. */
    public synchronized int endToken() {
        return endToken;
    }

    /** What was generated so far. */
    public synchronized int[] tokens() {
        return Arrays.copyOfRange(ids, promptLength, promptLength + count);
    }

    /** How many tokens the prompt had. */
    public int promptLength() {
        return promptLength;
    }

    /** How many tokens were generated so far. */
    public synchronized int count() {
        return count;
    }
}
