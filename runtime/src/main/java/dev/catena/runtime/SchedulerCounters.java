package dev.catena.runtime;

/**
 * What a {@link Scheduler} did so far, and how it stands.
 *
 * @param steps           steps of the model
 * @param prefilledRows   rows of prompts, and of preempted requests that were fed again
 * @param decodedRows     rows of single tokens that had just been generated
 * @param sharedPositions positions that were not fed because an earlier request's pages had them
 * @param preemptions     times that a request lost its pages to an older one
 * @param evictedPages    pages of ended requests that were kept for their prefix and then needed for something else
 * @param running         requests that have pages
 * @param waiting         requests that wait for them
 * @param freePages       pages that nobody holds
 * @param keptPages       full pages in the prefix cache; those that no running request uses go when pages are needed
 */
public record SchedulerCounters(long steps, long prefilledRows, long decodedRows, long sharedPositions, long preemptions,
        long evictedPages, int running, int waiting, int freePages, int keptPages) {}
