package dev.catena.sim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * The streams of simulated GPUs. Work is put off until somebody waits for it, and then streams take turns by chance: a copy
 * reads the host's memory, and writes it, at moments that a driver may choose as well. What needs an order and hasn't got
 * one by a stream or an event is found by what it computes. Thread-safe.
 */
final class SimStreams {
    /** A point in a stream. */
    static final class Mark {
        private boolean reached;
    }

    /** @param waitsFor of another stream, or null */
    private record Work(Mark waitsFor, Runnable action, Mark done) {}

    /** Work in order, for one GPU, which does one thing at a time. */
    static final class Stream {
        private final SimGpu gpu;
        private final Deque<Work> work = new ArrayDeque<>();

        Stream(SimGpu gpu) {
            this.gpu = gpu;
        }
    }

    private final List<Stream> streams = new ArrayList<>();
    private final List<SimGpu> busy = new ArrayList<>();
    private final Random random;

    SimStreams(long seed) {
        random = new Random(seed);
    }

    synchronized Stream open(SimGpu gpu) {
        Stream stream = new Stream(gpu);
        streams.add(stream);
        return stream;
    }

    synchronized void close(Stream stream) {
        streams.remove(stream);
    }

    /** Adds work. @param waitsFor must be reached before, or null @return is reached when it is done */
    synchronized Mark add(Stream stream, Mark waitsFor, Runnable action) {
        Mark done = new Mark();
        stream.work.add(new Work(waitsFor, action, done));
        return done;
    }

    /** Works until the mark is reached. */
    void reach(Mark mark) {
        boolean interrupted = false;
        while (true) {
            Stream stream;
            Work next;
            synchronized (this) {
                if (mark.reached) {
                    break;
                }
                List<Stream> ready = streams.stream().filter(this::ready).toList();
                if (ready.isEmpty()) {
                    if (busy.isEmpty()) {
                        throw new IllegalStateException("streams wait for each other");
                    }
                    interrupted |= waitForOthers();
                    continue;
                }
                stream = ready.get(random.nextInt(ready.size()));
                next = stream.work.poll();
                busy.add(stream.gpu);
            }
            try {
                stream.gpu.perform(next.action);
            } finally {
                synchronized (this) {
                    next.done.reached = true;
                    busy.remove(stream.gpu);
                    notifyAll();
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean ready(Stream stream) {
        Work first = stream.work.peek();
        return first != null && !busy.contains(stream.gpu) && (first.waitsFor == null || first.waitsFor.reached);
    }

    /** @return whether the thread was interrupted */
    private boolean waitForOthers() {
        try {
            wait();
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }
}
