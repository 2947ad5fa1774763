package dev.catena.codegen.cpu;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** A generated library that is loaded in this process. */
final class NativeLibrary implements AutoCloseable {
    static {
        try {
            Path path = Files.createTempFile("catena-test", ".so");
            byte[] driver = new CpuToolchain().compileForAnyCpu(
                    List.of(new CSource("native_library.c", CTemplate.text("native_library.c"))));
            Files.write(path, driver);
            System.load(path.toString());
            Files.delete(path);
        } catch (Exception e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The team of native_library.c: its words, then the threads' shares, aligned to 64 bytes. */
    private static final int TEAM_BYTES = 64 + 64 * 64;
    private static final int MOST_THREADS = 64;

    private final long handle;

    private NativeLibrary(long handle) {
        this.handle = handle;
    }

    static NativeLibrary load(CpuLibrary library) throws Exception {
        Path path = Files.createTempFile("catena-test", ".so");
        try (BytePointer name = new BytePointer(path.toString())) {
            Files.write(path, library.library());
            long handle = open(name.address());
            if (handle == 0) {
                throw new IllegalStateException("dlopen refused the generated library");
            }
            return new NativeLibrary(handle);
        } finally {
            Files.delete(path);
        }
    }

    /** The address of an exported function. */
    long function(String symbol) {
        try (BytePointer name = new BytePointer(symbol)) {
            long address = symbol(handle, name.address());
            if (address == 0) {
                throw new IllegalStateException("no function " + symbol);
            }
            return address;
        }
    }

    /**
     * Runs a stage once on {@code threads} threads.
     *
     * @return how many units of work were shared out in the last launch that is shared out in chunks
     */
    static int run(long function, long stage, int threads) {
        int[] units = new int[1];
        onThreads(threads, (team, id) -> {
            call(function, stage, team, id, threads);
            if (id == 0) {   // all have ended theirs
                long[] words = IntStream.range(0, threads).mapToLong(i -> shareOf(team, i)).toArray();
                long lastLaunch = LongStream.of(words).map(word -> word >> 20).max().orElseThrow();
                units[0] = LongStream.of(words).filter(word -> word >> 20 == lastLaunch).mapToInt(word -> front(word) + back(word)).sum();
            }
        });
        return units[0];
    }

    /**
     * Runs a function once with each of the stages that the array at {@code stages} points to; gives the seconds it took. Of one
     * thread they are processor time, so that a busy machine can be measured on.
     */
    static double runEach(long function, long stages, int stageCount, int threads) {
        long[] times = new long[2];
        onThreads(threads, (team, id) -> {
            callEach(function, stages, 1, team, id, threads);
            if (id == 0) {
                times[0] = nanos(threads);
            }
            callEach(function, stages, stageCount, team, id, threads);
            if (id == 0) {
                times[1] = nanos(threads);
            }
        });
        return (times[1] - times[0]) * 1e-9;
    }

    private static long nanos(int threads) {
        return threads == 1 ? ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() : System.nanoTime();
    }

    /**
     * Runs a stage once, a single launch; thread {@code late} begins when all others have ended theirs.
     *
     * @return what was taken of each thread's share: units from its front and from its back
     */
    static int[][] runWithOneLate(long function, long stage, int threads, int late) {
        int[][] taken = new int[threads][2];
        onThreads(threads, (team, id) -> {
            callLate(function, stage, team, id, threads, late);
            if (id == 0) {
                for (int i = 0; i < threads; i++) {
                    long word = shareOf(team, i);
                    taken[i] = new int[] {front(word), back(word)};
                }
            }
        });
        return taken;
    }

    // A share's word as chunks.c writes it: the launch, and the units that were taken from the share's front and its back.
    private static int front(long word) {
        return (int) (word >> 10 & 1023);
    }

    private static int back(long word) {
        return (int) (word & 1023);
    }

    private interface TeamMember {
        void run(long team, int id);
    }

    private static void onThreads(int threads, TeamMember member) {
        if (threads > MOST_THREADS) {
            throw new IllegalArgumentException(threads + " threads");
        }
        try (BytePointer team = zeroed(TEAM_BYTES)) {
            List<Thread> others = new ArrayList<>();
            for (int id = 1; id < threads; id++) {
                int own = id;
                Thread thread = new Thread(() -> member.run(team.address(), own));
                others.add(thread);
                thread.start();
            }
            member.run(team.address(), 0);
            for (Thread thread : others) {
                thread.join();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        close(handle);
    }

    private static BytePointer zeroed(long bytes) {
        BytePointer memory = new BytePointer(bytes);
        Pointer.memset(memory, 0, bytes);
        return memory;
    }

    /** Asks for 2 MB pages; to be called before the memory is first written. */
    static native void wantHugePages(long address, long bytes);

    private static native long open(long path);

    private static native long symbol(long library, long name);

    private static native void close(long library);

    private static native void call(long function, long stage, long team, int id, int count);

    private static native void callLate(long function, long stage, long team, int id, int count, int late);

    private static native long shareOf(long team, int id);

    private static native void callEach(long function, long stages, int stageCount, long team, int id, int count);
}
