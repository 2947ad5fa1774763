package dev.catena.runtime;

import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/**
 * Serves many requests at once over one chain of stages: continuous batching (Yu et al., "Orca", OSDI 2022) over a paged
 * cache (Kwon et al., "PagedAttention", SOSP 2023).
 *
 * <p><b>Steps.</b> Each step takes one row of every request that decodes, and up to {@link SchedulerOptions#prefillRows} rows
 * of prompts, shared out evenly between the requests that are still reading theirs; when nobody decodes prompts get all the
 * rows of a step. A request whose prompt goes on like the one that an older request is reading waits for its pages.
 *
 * <p><b>Pages.</b> Requests are admitted in the order in which they came, as soon as there are pages for what they and
 * those that run have now, and one more for each. Where a request finds no page later, those kept for their prefix alone go first; then the
 * youngest request is preempted: it gives back its pages, waits at the head of the queue, and is fed again, with what it has
 * generated, when there is room. The oldest always goes on. A request alone in the cache for which that is too small ends
 * with {@link FinishReason#CONTEXT_FULL}.
 *
 * <p><b>Ids.</b> On the CPU a request's tokens are, to the last bit of their logits, those of a {@link Session} of its own,
 * whatever its company, its chunks and its threads are.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. The steps run on a thread of the scheduler's own. In steady
 * state they allocate nothing on the Java heap.
 */
public final class Scheduler implements AutoCloseable {
    private final Manifest manifest;
    private final StageChain chain;
    private final Step step;
    private final PrefixCache prefixes;
    private final int maxSequences;
    private final int prefillRows;
    private final int maxWaiting;
    private final int maxSequence;
    private final boolean sharePrefixes;
    private final ByteBuffer logits;
    private final FloatBuffer logitsView;
    private final Thread thread;

    /** From the oldest to the youngest; the scheduler's thread alone uses it. */
    private final List<ScheduledSequence> running = new ArrayList<>();
    private final Tally tally = new Tally();
    /** Why no further step can run, or null. */
    private DeviceLostException lost;

    /** Guards all that follows. */
    private final Object lock = new Object();
    private final ArrayDeque<ScheduledSequence> waiting = new ArrayDeque<>();
    private boolean closing;
    private Throwable broken;
    private final Tally published = new Tally();

    /** What was done; changes in place, so that counting allocates nothing. */
    private static final class Tally {
        private long steps;
        private long prefilledRows;
        private long decodedRows;
        private long sharedPositions;
        private long preemptions;
        private long evictedPages;
        private int running;
        private int freePages;
        private int keptPages;

        void set(Tally other) {
            steps = other.steps;
            prefilledRows = other.prefilledRows;
            decodedRows = other.decodedRows;
            sharedPositions = other.sharedPositions;
            preemptions = other.preemptions;
            evictedPages = other.evictedPages;
            running = other.running;
            freePages = other.freePages;
            keptPages = other.keptPages;
        }
    }

    Scheduler(Manifest manifest, StageChain chain, SchedulerOptions options, int maxSequence) {
        this.manifest = manifest;
        this.chain = chain;
        this.maxSequence = maxSequence;
        step = chain.step();
        maxSequences = Math.min(step.maxSequences(), chain.liveRows());
        prefillRows = options.prefillRows();
        maxWaiting = options.maxWaiting();
        sharePrefixes = options.sharePrefixes();
        prefixes = new PrefixCache(chain.pages(), sharePrefixes);
        logits = ByteBuffer.allocateDirect(Math.multiplyExact(4, manifest.model().vocab())).order(ByteOrder.nativeOrder());
        logitsView = logits.asReadOnlyBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
        publish();
        thread = new Thread(null, this::run, "catena-scheduler");
        thread.setDaemon(true);
        thread.start();
    }

    /** Submits a request that is read from the {@link Request} itself. See {@link #submit(int[], GenerationOptions, TokenListener)}. */
    public Request submit(int[] prompt, GenerationOptions options) {
        return submit(prompt, options, null);
    }

    /**
     * Queues a request; returns at once.
     *
     * @param prompt   at least one id; copied
     * @param options  its {@link GenerationOptions#choice} and {@link GenerationOptions#logits} are called on the scheduler's
     *                 thread; with {@code logits} the prompt is fed whole, whatever could be shared
     * @param listener or null
     * @throws CatenaException       for an id outside the vocabulary
     * @throws ContextFullException  when the prompt doesn't fit in the context or the cache
     * @throws QueueFullException    when too many requests wait
     * @throws IllegalStateException when the scheduler was closed; a {@link SchedulerFailedException} when it failed
     */
    public Request submit(int[] prompt, GenerationOptions options, TokenListener listener) {
        check(prompt);
        Request request = new Request(prompt.clone(), options, listener);
        ScheduledSequence sequence = new ScheduledSequence(request, manifest.model(), maxSequence);
        synchronized (lock) {
            requireWorking();
            if (closing) {
                throw new IllegalStateException("the scheduler was closed");
            }
            if (waiting.size() >= maxWaiting) {
                throw new QueueFullException(waiting.size() + " requests are waiting already");
            }
            waiting.addLast(sequence);
            lock.notifyAll();
        }
        return request;
    }

    private void check(int[] prompt) {
        if (prompt.length == 0) {
            throw new CatenaException("a prompt needs at least one token");
        }
        for (int id : prompt) {
            if (id < 0 || id >= manifest.model().vocab()) {
                throw new CatenaException(
                        "token id " + id + " is not in the vocabulary (0 to " + (manifest.model().vocab() - 1) + ")");
            }
        }
        if (prompt.length > maxSequence) {
            throw new ContextFullException(prompt.length + " tokens do not fit in the context's " + maxSequence + " positions");
        }
        int pages = chain.pages().pages() - 1;
        if (PagePool.pagesFor(prompt.length) > pages) {
            throw new ContextFullException(prompt.length + " tokens do not fit in the KV cache's " + pages * PagePool.POSITIONS
                    + " positions");
        }
    }

    /** @throws SchedulerFailedException when no request can be served any more, because a device was lost or the scheduler itself failed */
    public void requireWorking() {
        synchronized (lock) {
            if (broken != null) {
                throw new SchedulerFailedException(broken);
            }
        }
    }

    /** What it did up to the end of the last step. */
    public SchedulerCounters counters() {
        synchronized (lock) {
            return new SchedulerCounters(published.steps, published.prefilledRows, published.decodedRows,
                    published.sharedPositions, published.preemptions, published.evictedPages, published.running, waiting.size(),
                    published.freePages, published.keptPages);
        }
    }

    /** Ends all requests with {@link FinishReason#CANCELLED} after the step that is going on, and gives everything back. */
    @Override
    public void close() {
        synchronized (lock) {
            closing = true;
            lock.notifyAll();
        }
        if (Thread.currentThread() == thread) {
            return;   // a listener closes it: the thread ends after this step
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        FinishReason reason = FinishReason.CANCELLED;
        Throwable cause = null;
        try {
            while (awaitWork()) {
                endStopped();
                admit();
                makeStep();
                publish();
                if (lost != null) {
                    throw lost;
                }
            }
        } catch (Throwable e) {
            reason = FinishReason.FAILED;
            cause = e;
        }
        List<ScheduledSequence> left = new ArrayList<>(running);
        synchronized (lock) {
            broken = cause;
            closing = true;
            left.addAll(waiting);
            waiting.clear();
        }
        for (ScheduledSequence sequence : left) {
            end(sequence, reason, cause);
        }
        running.clear();
        prefixes.clear();
        publish();
        synchronized (chain) {
            chain.release();
        }
    }

    /** @return false when the scheduler is to be closed */
    private boolean awaitWork() throws InterruptedException {
        synchronized (lock) {
            while (!closing && running.isEmpty() && waiting.isEmpty()) {
                lock.wait();
            }
            return !closing;
        }
    }

    /** Ends those that were cancelled, running or not. */
    private void endStopped() {
        for (int i = running.size() - 1; i >= 0; i--) {
            if (running.get(i).request().stopReason() != null) {
                ScheduledSequence sequence = running.remove(i);
                end(sequence, sequence.request().stopReason(), null);
            }
        }
        ScheduledSequence stopped;
        while ((stopped = stoppedWaiting()) != null) {
            end(stopped, stopped.request().stopReason(), null);
        }
    }

    private ScheduledSequence stoppedWaiting() {
        synchronized (lock) {
            if (waiting.isEmpty()) {
                return null;
            }
            for (Iterator<ScheduledSequence> all = waiting.iterator(); all.hasNext();) {
                ScheduledSequence sequence = all.next();
                if (sequence.request().stopReason() != null) {
                    all.remove();
                    return sequence;
                }
            }
            return null;
        }
    }

    /** Lets in who waits, while there is room. */
    private void admit() {
        while (running.size() < maxSequences) {
            ScheduledSequence sequence;
            synchronized (lock) {
                sequence = waiting.peekFirst();
            }
            if (sequence == null) {
                return;
            }
            try {
                sequence.admit(chain.pages());
            } catch (OutOfMemoryError e) {
                pollWaiting();
                end(sequence, FinishReason.FAILED, e);
                continue;
            }
            int found = sequence.share(prefixes);
            int wanted = sequence.pagesWanted();
            for (int i = 0; i < running.size(); i++) {
                wanted += running.get(i).pagesWanted();
            }
            // A request alone may take what there is.
            if (!running.isEmpty() && wanted > chain.pages().available() + prefixes.evictable()) {
                sequence.dropPages();
                return;
            }
            pollWaiting();
            tally.sharedPositions += found;
            running.add(sequence);
        }
    }

    private void pollWaiting() {
        synchronized (lock) {
            waiting.pollFirst();
        }
    }

    private void makeStep() {
        planRows();
        RuntimeException failure = null;
        boolean sampled = false;
        try {
            reservePages();
            runRows();
            sampled = step.rows() > 0 && sampleOnDevice();
        } catch (DeviceLostException e) {  // nobody can go on
            throw e;
        } catch (RuntimeException e) {     // of the device: those that have rows end, and others may try
            failure = e;
        }
        if (failure == null && step.rows() == 0) {
            return;
        }
        tally.steps++;
        for (int i = 0; i < running.size(); i++) {
            if (running.get(i).rows() > 0 && !goesOn(running.get(i), failure, sampled)) {
                running.remove(i--);
            }
        }
    }

    /** Makes the step of the rows that are planned, and runs it. */
    private void runRows() {
        step.clear();
        for (int i = 0; i < running.size(); i++) {
            if (running.get(i).rows() > 0 && running.get(i).pending() == 1) {
                running.get(i).addTo(step);
                tally.decodedRows++;
            }
        }
        for (int i = 0; i < running.size(); i++) {
            if (running.get(i).rows() > 0 && running.get(i).pending() > 1) {
                running.get(i).addTo(step);
                tally.prefilledRows += running.get(i).rows();
            }
        }
        if (step.rows() > 0) {
            synchronized (chain) {
                chain.run();
            }
        }
    }

    /** Where the device can, it chooses the tokens of all that wait for one, and logits stay there. @return whether it did */
    private boolean sampleOnDevice() {
        synchronized (chain) {
            if (step.selected() == 0 || step.selected() > chain.mostSampledRows()) {
                return false;
            }
            RowSampling rows = chain.rowSampling();
            rows.begin(step.selected());
            boolean wanted = false;
            for (int i = 0; i < running.size(); i++) {
                wanted |= running.get(i).wantToken(rows);
            }
            if (wanted) {
                chain.sample();
            }
            return wanted;
        }
    }

    /** How many rows each has in the next step, if it gets the pages for them. */
    private void planRows() {
        int decoding = 0;
        int reading = 0;
        for (int i = 0; i < running.size(); i++) {
            ScheduledSequence sequence = running.get(i);
            sequence.setRows(0);
            tally.sharedPositions += sequence.pending() > 1 ? sequence.share(prefixes) : 0;
            if (sequence.pending() == 1) {
                decoding++;
                sequence.setRows(1);
            } else if (!isRead(sequence, i)) {
                reading++;
                sequence.setRows(sequence.pending());
            }
        }
        int left = decoding == 0 ? step.maxRows() : Math.min(prefillRows, step.maxRows() - decoding);
        int moreLogits = chain.liveRows() - maxSequences;
        for (int i = 0; i < running.size(); i++) {
            ScheduledSequence sequence = running.get(i);
            if (sequence.rows() > 1) {
                int rows = Math.min(sequence.rows(), (left + reading - 1) / reading);
                if (sequence.wantsLogits()) {
                    rows = Math.min(rows, 1 + moreLogits);
                    moreLogits -= Math.max(0, rows - 1);
                }
                sequence.setRows(rows);
                left -= rows;
                reading--;
            }
        }
    }

    /** Whether an older request is reading the page that this one would go on with. */
    private boolean isRead(ScheduledSequence sequence, int index) {
        int from = sequence.position();
        int to = from + PagePool.POSITIONS;
        if (!sharePrefixes || !sequence.mayShare() || from % PagePool.POSITIONS != 0 || to >= sequence.length()) {
            return false;
        }
        for (int i = 0; i < index; i++) {
            ScheduledSequence older = running.get(i);
            if (older.position() >= from && older.position() < to && older.length() >= to
                    && Arrays.equals(older.ids(), 0, to, sequence.ids(), 0, to)) {
                return true;
            }
        }
        return false;
    }

    /** Gives pages to the rows that are planned, to the oldest first. */
    private void reservePages() {
        for (int i = 0; i < running.size(); i++) {
            ScheduledSequence sequence = running.get(i);
            while (sequence.rows() > 0 && !reserve(sequence)) {
                ScheduledSequence youngest = running.get(running.size() - 1);
                if (running.size() > 1) {
                    preempt(youngest);
                } else if (!sequence.dropSharedPart()) {
                    running.remove(i);
                    end(sequence, FinishReason.CONTEXT_FULL, null);
                    return;
                }
            }
        }
    }

    private boolean reserve(ScheduledSequence sequence) {
        int from = sequence.position();
        int to = from + sequence.rows();
        synchronized (chain) {
            return prefixes.evict(sequence.pages().pagesNeeded(from, to)) && sequence.pages().prepareWrite(from, to, chain);
        }
    }

    private void preempt(ScheduledSequence youngest) {
        running.remove(running.size() - 1);
        youngest.dropPages();
        tally.preemptions++;
        synchronized (lock) {
            waiting.addFirst(youngest);
        }
    }

    /**
     * What a step's rows mean to their request.
     *
     * @param sampled whether the device chose tokens
     * @return whether it has another step
     */
    private boolean goesOn(ScheduledSequence sequence, RuntimeException failure, boolean sampled) {
        if (failure != null) {
            end(sequence, FinishReason.FAILED, failure);
            return false;
        }
        sequence.fed(prefixes);
        try {
            for (int row = 0; row < sequence.rows(); row++) {
                if (sequence.reports(row)) {
                    readLogits(sequence.selected(row));
                    sequence.request().options().logits().accept(sequence.position() - sequence.rows() + row, logitsView.clear());
                }
            }
            if (sequence.pending() > 0) {
                return true;
            }
            int row = sequence.selected(sequence.rows() - 1);
            int token = sampled ? chain.rowSampling().token(row) : -1;
            FinishReason reason;
            if (token >= 0) {
                reason = sequence.next(token);
            } else {
                readLogits(row);
                reason = sequence.next(logitsView.clear());
            }
            if (reason == null) {
                return true;
            }
            end(sequence, reason, null);
        } catch (RuntimeException | Error e) {   // of this request's logits, choice, sink or listener: the others go on
            end(sequence, FinishReason.FAILED, e);
        }
        return false;
    }

    private void readLogits(int selected) {
        try {
            synchronized (chain) {
                chain.readLogits(selected, logits);
            }
        } catch (DeviceLostException e) {
            lost = e;
            throw e;
        }
    }

    private void end(ScheduledSequence sequence, FinishReason reason, Throwable cause) {
        sequence.dropPages();
        try {
            sequence.request().end(reason, sequence.endToken(), cause);
        } catch (RuntimeException | Error e) {
            // Its listener's last word; the request has ended all the same.
        }
    }

    private void publish() {
        tally.evictedPages = prefixes.evictedPages();
        tally.running = running.size();
        tally.freePages = chain.pages().available();
        tally.keptPages = prefixes.pages();
        synchronized (lock) {
            published.set(tally);
        }
    }
}
