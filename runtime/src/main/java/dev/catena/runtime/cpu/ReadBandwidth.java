package dev.catena.runtime.cpu;

import java.nio.ByteBuffer;

/** How many bytes a second a team of threads reads from memory, doing next to nothing with them: decoding's upper bound. */
public final class ReadBandwidth {
    private static final int WARM_UP_ROUNDS = 1;

    private ReadBandwidth() {}

    /**
     * Reads a buffer of {@code bytes} again and again, {@code rounds} times, with {@code threads} threads.
     *
     * @param bytes should be several times the last-level cache; 2 GiB is enough on most machines. Rounded down to 4 KiB
     *     for each thread
     * @return bytes per second of the best round
     */
    public static double measure(int threads, long bytes, int rounds) {
        long share = bytes / threads / 4096 * 4096;
        if (share == 0 || rounds < 1) {
            throw new IllegalArgumentException(bytes + " bytes, " + rounds + " rounds");
        }
        try (NativeMemory data = new NativeMemory("bandwidth test", share * threads);
                NativeMemory sums = new NativeMemory("bandwidth test", threads * 64L);
                NativeMemory structs = new NativeMemory("bandwidth test", 4096);
                ThreadTeam team = new ThreadTeam("bandwidth", threads)) {
            touch(data);
            ByteBuffer view = structs.view(0, 4096);
            view.putLong(StageStructs.STAGE_INPUT, data.address());
            view.putLong(StageStructs.STAGE_OUTPUT, sums.address());
            view.putLong(StageStructs.STAGE_SCRATCH_STRIDE, share * threads);
            long calls = structs.address() + 1024;
            view.putLong(1024, Native.readFunction(registerWidth()));
            view.putLong(1024 + 8, structs.address());
            double best = 0;
            for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
                long start = System.nanoTime();
                team.run(calls, 1);
                double seconds = (System.nanoTime() - start) / 1e9;
                best = round < 0 ? best : Math.max(best, share * threads / seconds);
            }
            return best;
        }
    }

    private static int registerWidth() {
        CpuFeatures features = CpuFeatures.ofThisMachine();
        return features.has("avx512f") ? 64 : features.has("avx2") ? 32 : 16;
    }

    /** Pages never written are all the same page of zeros, which is in the cache. */
    private static void touch(NativeMemory memory) {
        for (long at = 0; at < memory.bytes(); at += 1 << 30) {
            int length = (int) Math.min(1 << 30, memory.bytes() - at);
            ByteBuffer view = memory.view(at, length);
            for (int i = 0; i < length; i += 512) {
                view.putLong(i, i);
            }
        }
    }
}
