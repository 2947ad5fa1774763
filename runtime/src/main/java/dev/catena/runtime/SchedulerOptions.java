package dev.catena.runtime;

import java.util.Objects;

/**
 * How a {@link Scheduler} is set up. {@link #defaults} and the {@code with…} methods make one; immutable.
 *
 * @param session       devices, threads, the longest sequence, and the KV capacity of all requests together in positions; a
 *                      capacity of 0 is that of {@value #DEFAULT_FULL_SEQUENCES} full sequences, or of {@code maxSequences} if fewer
 * @param maxSequences  requests that share a step, at most; no more than the artifact has rows in a step
 * @param prefillRows   rows of prompts in a step in which others decode: more make prompts ready sooner, fewer make
 *                      tokens come more evenly
 * @param maxWaiting    requests that may wait to be admitted; a {@link Scheduler#submit} beyond them is refused
 * @param sharePrefixes whether requests with equal beginnings share the pages of those
 */
public record SchedulerOptions(SessionOptions session, int maxSequences, int prefillRows, int maxWaiting, boolean sharePrefixes) {
    static final int DEFAULT_FULL_SEQUENCES = 4;

    public SchedulerOptions {
        Objects.requireNonNull(session);
        if (maxSequences < 1 || prefillRows < 1 || maxWaiting < 0) {
            throw new IllegalArgumentException("at least one sequence and one prefill row are needed, not " + maxSequences + " and "
                    + prefillRows + ", and none or more waiting, not " + maxWaiting);
        }
    }

    /** 16 sequences on {@code cpu:0}, 64 prefill rows beside decoding ones, up to 1024 waiting, prefixes shared. */
    public static SchedulerOptions defaults() {
        return new SchedulerOptions(SessionOptions.defaults(), 16, 64, 1024, true);
    }

    public SchedulerOptions withSession(SessionOptions options) {
        return new SchedulerOptions(options, maxSequences, prefillRows, maxWaiting, sharePrefixes);
    }

    public SchedulerOptions withMaxSequences(int sequences) {
        return new SchedulerOptions(session, sequences, prefillRows, maxWaiting, sharePrefixes);
    }

    public SchedulerOptions withPrefillRows(int rows) {
        return new SchedulerOptions(session, maxSequences, rows, maxWaiting, sharePrefixes);
    }

    public SchedulerOptions withMaxWaiting(int requests) {
        return new SchedulerOptions(session, maxSequences, prefillRows, requests, sharePrefixes);
    }

    public SchedulerOptions withSharedPrefixes(boolean share) {
        return new SchedulerOptions(session, maxSequences, prefillRows, maxWaiting, share);
    }
}
