package dev.catena.runtime.cpu;

import dev.catena.runtime.DeviceException;

/**
 * A fixed number of threads that run stage functions together, each call between two barriers. The thread that calls
 * {@link #run} is one of them; the others are daemon threads that live in native code until {@link #close}: they spin
 * briefly for the next run, then yield, then sleep. One {@code run} at a time; the caller keeps that order.
 */
final class ThreadTeam implements AutoCloseable {
    // In cycles of the time stamp counter, which ticks at 2 to 4 GHz: about 3 µs and 100 µs. Spinning longer pays on an idle
    // machine only: when the system puts two of the threads on one core, each barrier costs the whole spin (measured with
    // 20 µs: 260 µs for a step of 14 barriers that takes 2 µs on two cores). Yielding costs nothing in either case.
    private static final long SPIN = 8_000;
    private static final long YIELD = 250_000;

    private final int threads;
    private final Thread[] workers;
    private long team;

    /** @param name names the threads, such as {@code cpu:0} */
    ThreadTeam(String name, int threads) {
        NativeStub.load();
        if (threads < 1) {
            throw new IllegalArgumentException("a team of " + threads + " threads");
        }
        this.threads = threads;
        // With more threads than processors, whoever spins keeps the one that it waits for from running.
        boolean crowded = threads > Runtime.getRuntime().availableProcessors();
        team = Native.teamOpen(threads, crowded ? 0 : SPIN, YIELD);
        if (team < 0) {
            throw new DeviceException("no memory for a team of threads");
        }
        workers = new Thread[threads - 1];
        long address = team;
        for (int i = 0; i < workers.length; i++) {
            int id = i + 1;
            workers[i] = new Thread(null, () -> Native.teamWorker(address, id), "catena-" + name + "-" + id, 1 << 20);
            workers[i].setDaemon(true);
        }
        int started = 0;
        try {
            for (; started < workers.length; started++) {
                workers[started].start();
            }
        } catch (OutOfMemoryError e) {
            end(started);
            throw new DeviceException("the system gives no more than " + started + " of " + workers.length + " threads");
        }
    }

    int threads() {
        return threads;
    }

    /** Runs {@code count} pairs of (function, stage) from {@code calls} on; returns when all threads have ended them. */
    void run(long calls, long count) {
        if (team == 0) {
            throw new IllegalStateException("the team was closed");
        }
        Native.teamRun(team, calls, count);
    }

    @Override
    public void close() {
        end(workers.length);
    }

    private void end(int started) {
        if (team == 0) {
            return;
        }
        Native.teamStop(team);
        boolean interrupted = false;
        for (int i = 0; i < started; i++) {
            while (workers[i].isAlive()) {
                try {
                    workers[i].join();
                } catch (InterruptedException e) {
                    interrupted = true;   // the workers' memory can't go before they do
                }
            }
        }
        Native.teamFree(team);
        team = 0;
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
