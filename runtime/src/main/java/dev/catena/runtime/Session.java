package dev.catena.runtime;

import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.sampling.Sampler;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One sequence: the tokens that were fed, and the model's memory of them.
 *
 * <p><b>Threads.</b> A session does one thing at a time; a second thread that calls it waits. Only {@link #cancel} and
 * {@link #position} return at once, and {@code cancel} is how another thread ends a long call. The buffer that
 * {@link #logits} gives belongs to the session and changes with the next call that feeds. Different sessions may be used
 * by different threads freely; forks of one session share its devices and take turns step by step.
 *
 * <p>In steady state, feeding a token allocates nothing on the Java heap.
 */
public final class Session implements AutoCloseable {
    private final Manifest manifest;
    private final StageChain chain;
    private final int maxSequence;
    private final PageTable pages;
    /** One user at a time; the chain's monitor is only held step by step, so that forks can take turns. */
    private final ReentrantLock busy = new ReentrantLock();
    private final ByteBuffer logits;
    private final FloatBuffer logitsView;
    private boolean haveLogits;
    private int[] tokens;
    private volatile int position;
    private volatile boolean cancelled;
    private boolean closed;

    Session(Manifest manifest, StageChain chain, int maxSequence) {
        this(manifest, chain, maxSequence, new PageTable(chain.pages()), new int[64]);
    }

    private Session(Manifest manifest, StageChain chain, int maxSequence, PageTable pages, int[] tokens) {
        this.manifest = manifest;
        this.chain = chain;
        this.maxSequence = maxSequence;
        this.pages = pages;
        this.tokens = tokens;
        logits = ByteBuffer.allocateDirect(Math.multiplyExact(4, manifest.model().vocab())).order(ByteOrder.nativeOrder());
        logitsView = logits.asReadOnlyBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
    }

    /** Appends tokens to the sequence; {@link #logits} are then those of the last one. See {@link #feed(int[], LogitsSink)}. */
    public void feed(int... ids) {
        feed(ids, null);
    }

    /**
     * Appends tokens to the sequence, in chunks; between chunks {@link #cancel} is heeded.
     *
     * @param sink gets the logits of every token, or null; it can't feed, truncate or close this session
     * @throws CatenaException       for an id outside the vocabulary; nothing was fed
     * @throws ContextFullException  when they don't fit; nothing was fed
     * @throws CancellationException when cancelled: {@link #position} says how many were fed
     */
    public void feed(int[] ids, LogitsSink sink) {
        takeTurn();
        try {
            checkOpen();
            for (int id : ids) {
                checkId(id);
            }
            if (ids.length > maxSequence - position) {
                throw new ContextFullException(ids.length + " tokens do not fit: " + position + " of the context's "
                        + maxSequence + " positions are taken");
            }
            if (!append(ids, ids.length, sink)) {
                throw new ContextFullException("the KV cache is full; its capacity is shared by a session and its forks");
            }
        } finally {
            busy.unlock();
        }
    }

    /** Feeds one token of a generation. @return false, with nothing fed, when there is no room */
    boolean feedNext(int[] one, LogitsSink sink) {
        takeTurn();
        try {
            checkOpen();
            checkId(one[0]);
            return position < maxSequence && append(one, 1, sink);
        } finally {
            busy.unlock();
        }
    }

    /** @return false, with nothing fed, when the pages don't suffice */
    private boolean append(int[] ids, int count, LogitsSink sink) {
        synchronized (chain) {
            if (!pages.prepareWrite(position, position + count, chain)) {
                return false;
            }
        }
        int room = sink == null ? chain.prefillRows(count) : chain.liveRows();
        for (int done = 0; done < count;) {
            if (takeCancellation()) {
                throw new CancellationException("cancelled after " + done + " of " + count + " tokens");
            }
            int rows = Math.min(room, count - done);
            step(ids, done, rows, sink, done + rows == count);
            done += rows;
        }
        return true;
    }

    private void step(int[] ids, int first, int rows, LogitsSink sink, boolean last) {
        haveLogits = false;
        remember(ids, first, rows);
        synchronized (chain) {
            settleLogits();
            Step step = chain.step();
            step.clear();
            step.add(ids, first, rows, position, pages.ids(), pages.count());
            if (sink != null) {
                step.selectAll();
            } else if (last) {
                step.selectLast();
            }
            chain.run();
            if (sink == null && last && chain.mostSampledRows() > 0) {
                chain.leaveLogitsTo(this);
            } else if (sink == null && last) {
                chain.readLogits(0, logits);
            } else if (sink != null) {
                for (int row = 0; row < rows; row++) {
                    chain.readLogits(row, logits);
                    sink.accept(position + row, logitsView.clear());
                }
            }
        }
        haveLogits = last;
        position += rows;
    }

    /** Before a step overwrites them, logits on the device go to the session that may still ask for them. */
    private void settleLogits() {
        Session owner = chain.logitsOwner();
        if (owner != null && owner != this) {
            owner.fetchLogits();
        }
        chain.leaveLogitsTo(null);
    }

    /** Copies this session's logits from the device, if that alone has them. */
    private void fetchLogits() {
        synchronized (chain) {
            if (chain.logitsOwner() == this) {
                chain.readLogits(0, logits);
                chain.leaveLogitsTo(null);
            }
        }
    }

    private void remember(int[] ids, int first, int rows) {
        if (position + rows > tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.min(maxSequence, Math.max(position + rows, tokens.length * 2)));
        }
        System.arraycopy(ids, first, tokens, position, rows);
    }

    /**
     * The logits after the last token that was fed: read-only [vocabulary], overwritten by the next call that feeds.
     *
     * @throws IllegalStateException when nothing was fed since the start, a {@link #truncate} or a cancelled feed
     */
    public FloatBuffer logits() {
        busy.lock();
        try {
            checkOpen();
            if (!haveLogits) {
                throw new IllegalStateException("feed a token first");
            }
            fetchLogits();
            return logitsView.clear();
        } finally {
            busy.unlock();
        }
    }

    /**
     * Generates tokens from here on; something must have been fed. Each is chosen, returned, and fed when the next one is
     * asked for: the last one returned is not part of the sequence yet. To go on after it, start the next
     * {@link #feed} with it.
     */
    public Generation generate(GenerationOptions options) {
        return new Generation(this, manifest.model(), options);
    }

    /** Chooses with the sampler's parameters: on the device, where logits are still there and it can, so that only the id comes back. */
    int sample(Sampler sampler) {
        busy.lock();
        try {
            checkOpen();
            synchronized (chain) {
                if (haveLogits && chain.logitsOwner() == this) {
                    RowSampling rows = chain.rowSampling();
                    rows.begin(1);
                    rows.want(0, sampler.parameters(), tokens, position, position);
                    chain.sample();
                    int id = rows.token(0);
                    if (id >= 0) {
                        checkId(id);
                        return id;
                    }
                }
            }
            // Says what is wrong with the logits, if that is why the device gave none. Not by choose: a reference to the
            // method would be allocated for every token until the compiler removes it.
            int id = sampler.sample(logits(), tokens, position, position);
            checkId(id);
            return id;
        } finally {
            busy.unlock();
        }
    }

    /** Calls {@code choice} on the logits as they are. */
    int choose(TokenChoice choice) {
        busy.lock();
        try {
            int id = choice.choose(logits(), tokens, position, position);
            checkId(id);
            return id;
        } finally {
            busy.unlock();
        }
    }

    /** How many tokens the sequence has. */
    public int position() {
        return position;
    }

    /** Bytes of device memory that this session shares with its forks: activations and KV cache, without the weights. */
    public long memoryBytes() {
        busy.lock();
        try {
            checkOpen();
            synchronized (chain) {
                return chain.memoryBytes();
            }
        } finally {
            busy.unlock();
        }
    }

    /** The largest {@link #position}. */
    public int maxSequenceLength() {
        return maxSequence;
    }

    /** The tokens of the sequence. */
    public int[] tokens() {
        busy.lock();
        try {
            return Arrays.copyOf(tokens, position);
        } finally {
            busy.unlock();
        }
    }

    /**
     * Forgets all but the first {@code length} tokens. Costs nothing; the next call must feed.
     *
     * @throws IllegalArgumentException when the sequence isn't that long
     */
    public void truncate(int length) {
        takeTurn();
        try {
            checkOpen();
            if (length < 0 || length > position) {
                throw new IllegalArgumentException("cannot keep " + length + " of " + position + " tokens");
            }
            if (length < position) {
                synchronized (chain) {
                    pages.truncate(length);
                }
                position = length;
                haveLogits = false;
            }
        } finally {
            busy.unlock();
        }
    }

    /**
     * A second session with the same sequence. Both share the cache up to here, the devices and their threads, and the KV
     * capacity; each goes its own way and is closed on its own.
     */
    public Session fork() {
        busy.lock();
        try {
            checkOpen();
            fetchLogits();
            Session copy;
            synchronized (chain) {
                copy = new Session(manifest, chain, maxSequence, pages.fork(), tokens.clone());
                chain.retain();
            }
            copy.position = position;
            copy.haveLogits = haveLogits;
            copy.logits.put(0, logits, 0, logits.capacity());
            return copy;
        } finally {
            busy.unlock();
        }
    }

    /**
     * Ends the call that is going on, or if there is none the next one that feeds or generates, at the next step: a feed
     * throws {@link CancellationException}, a {@link Generation} ends with {@link FinishReason#CANCELLED}. From any thread,
     * also from a signal handler or shutdown hook.
     */
    public void cancel() {
        cancelled = true;
    }

    /** Whether {@link #cancel} was called; it is then answered. */
    boolean takeCancellation() {
        if (!cancelled) {
            return false;
        }
        cancelled = false;
        return true;
    }

    /** Waits for a call that is going on ({@link #cancel} it first), then gives everything back. A second call does nothing. */
    @Override
    public void close() {
        takeTurn();
        try {
            if (!closed) {
                closed = true;
                synchronized (chain) {
                    pages.truncate(0);
                    if (chain.logitsOwner() == this) {
                        chain.leaveLogitsTo(null);
                    }
                    chain.release();
                }
            }
        } finally {
            busy.unlock();
        }
    }

    /** For what a call that is going on, whose sink or choice may come here, couldn't go on after. */
    private void takeTurn() {
        if (busy.isHeldByCurrentThread()) {
            throw new IllegalStateException("a sink or choice can't feed, truncate or close the session that calls it");
        }
        busy.lock();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the session was closed");
        }
    }

    private void checkId(int id) {
        if (id < 0 || id >= manifest.model().vocab()) {
            throw new CatenaException("token id " + id + " is not in the vocabulary (0 to " + (manifest.model().vocab() - 1) + ")");
        }
    }
}
