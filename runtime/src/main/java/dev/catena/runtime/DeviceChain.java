package dev.catena.runtime;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Neighbouring stages on one device, ready to run as one step. In steady state no method allocates Java memory.
 * Rows are f32 in native byte order. Not thread-safe.
 */
public interface DeviceChain extends AutoCloseable {
    /** Starts the stages for what {@link Step} now says; may return before they ended. One step at a time. */
    void submit();

    /** Returns when the step is done. */
    void await();

    /** Width of the first stage's input rows, or 0 when it takes tokens. */
    int inputWidth();

    /** Width of the last stage's output rows. */
    int outputWidth();

    /** Whether the output has a row for each selected row only; else one for each row of the step. */
    boolean outputSelected();

    /** Puts {@code rows} rows, from the start of {@code from}, where the first stage reads them. */
    void writeInput(ByteBuffer from, int rows);

    /**
     * Takes the rows straight from the chain before, where both are of a kind that can, when its step has ended; nobody
     * need wait for that.
     *
     * @return false when they have to go by way of the host
     */
    default boolean takeInput(DeviceChain before, int rows) {
        return false;
    }

    /** Whether {@link #submit} returns at once, and the next step may be submitted before this one ended. */
    default boolean runsAhead() {
        return false;
    }

    /** Copies {@code rows} rows of the last stage's output, from row {@code first} on, to the start of {@code into}. */
    void readOutput(int first, int rows, ByteBuffer into);

    /**
     * How many selected rows {@link #sample} takes at most: none unless the output is logits, and the target's code has a program
     * that chooses from them.
     */
    default int mostSampledRows() {
        return 0;
    }

    /**
     * Chooses a token for each selected row of the step from the output, on the device and with the meaning of {@link
     * dev.catena.runtime.sampling.Sampler#sample}; the output stays as it is.
     */
    default void sample(RowSampling rows) {
        throw new UnsupportedOperationException("this device leaves sampling to the host");
    }

    /**
     * What the step that {@link Step} now says costs when it is run {@code repetitions} times, once: seconds, or instructions on a device
     * where these stand for time.
     */
    default double stepCost(int repetitions) {
        long start = System.nanoTime();
        for (int i = 0; i < repetitions; i++) {
            submit();
            if (!runsAhead()) {
                await();
            }
        }
        await();
        return (System.nanoTime() - start) / 1e9 / repetitions;
    }

    /** What the launches of the step that {@link Step} now says cost, one by one; the step has run. None where that can't be told. */
    default List<LaunchCost> launchCosts() {
        return List.of();
    }

    /** Copies a page of every stage's cache. */
    void copyPage(int from, int to);

    /** Bytes taken for activations, scratch and the cache; weights, which lie in the artifact's mapping, are not among them. */
    long memoryBytes();

    /** Gives the chain's memory back; {@link #await} must have returned. */
    @Override
    void close();
}
