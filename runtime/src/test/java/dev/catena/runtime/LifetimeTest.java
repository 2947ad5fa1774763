package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Models and sessions side by side, their ends, and what a step costs. */
@Timeout(120)
class LifetimeTest {
    @TempDir
    Path folder;

    private static SessionOptions threads(int count) {
        return SessionOptions.defaults().withThreads(count);
    }

    private static void checkGreedy(Session session, ToyModel toy, int[] prompt, int[] expected) {
        session.truncate(0);
        session.feed(prompt);
        Generation generation = session.generate(GenerationOptions.greedy().withMaxTokens(expected.length));
        for (int id : expected) {
            assertEquals(id, generation.nextInt());
        }
    }

    @Test
    void twoModelsWithTheSameSymbolsRunTheirOwnCode() throws Exception {
        ToyModel first = new ToyModel();
        ToyModel second = new ToyModel(-3.5f);
        int[] prompt = ToyModel.prompt(50, 1);
        int[] firstIds = first.greedy(prompt, 30);
        int[] secondIds = second.greedy(prompt, 30);
        assertFalse(Arrays.equals(firstIds, secondIds));
        CatenaModel one = CatenaModel.open(first.write(folder.resolve("1.catena")));
        Session running = one.newSession(threads(2));
        one.close();
        AtomicBoolean done = new AtomicBoolean();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Integer> rounds = thread.submit(() -> {
            int count = 0;
            for (; !done.get(); count++) {
                checkGreedy(running, first, prompt, firstIds);
            }
            return count;
        });
        for (int i = 0; i < 30; i++) {   // opened, run and closed while the other runs
            try (CatenaModel two = CatenaModel.open(second.write(folder.resolve("2.catena")));
                    Session session = two.newSession(threads(2))) {
                checkGreedy(session, second, prompt, secondIds);
            }
        }
        done.set(true);
        assertTrue(rounds.get() > 0);
        thread.shutdown();
        running.close();
    }

    @Test
    void sessionsOfOneModelRunSideBySide() throws Exception {
        ToyModel toy = new ToyModel();
        try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")))) {
            runTogether(toy, List.of(model.newSession(threads(1)), model.newSession(threads(2)), model.newSession(threads(3)),
                    model.newSession(threads(2).withDevices(List.of("cpu:0", "cpu:1")))));
        }
    }

    @Test
    void forksUsedByDifferentThreadsTakeTurns() throws Exception {
        ToyModel toy = new ToyModel();
        try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")))) {
            Session trunk = model.newSession(threads(2).withKvCapacity(2000));
            runTogether(toy, List.of(trunk, trunk.fork(), trunk.fork(), trunk.fork()));
        }
    }

    private static void runTogether(ToyModel toy, List<Session> sessions) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(sessions.size());
        List<Future<?>> results = new ArrayList<>();
        for (int i = 0; i < sessions.size(); i++) {
            Session session = sessions.get(i);
            int[] prompt = ToyModel.prompt(70 + i, i);
            int[] expected = toy.greedy(prompt, 40);
            results.add(pool.submit(() -> {
                for (int round = 0; round < 10; round++) {
                    checkGreedy(session, toy, prompt, expected);
                }
                session.close();
                return null;
            }));
        }
        for (Future<?> result : results) {
            result.get();
        }
        pool.shutdown();
    }

    @Test
    void parkedThreadsWakeAndEnd() throws Exception {
        ToyModel toy = new ToyModel();
        int before = teamThreads();
        try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")))) {
            for (int i = 0; i < 5; i++) {
                Session session = model.newSession(threads(4));
                assertEquals(before + 3, teamThreads());
                session.feed(1, 2);
                Thread.sleep(60);   // far beyond spinning and yielding
                session.feed(3);
                assertArrayEquals(new int[] {1, 2, 3}, session.tokens());
                Thread.sleep(i * 20L);
                session.close();
                assertEquals(before, teamThreads());
            }
            for (int i = 0; i < 200; i++) {
                model.newSession(threads(3)).close();   // closed before the workers may have begun
            }
            assertEquals(before, teamThreads());
        }
    }

    private static int teamThreads() {
        return (int) Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("catena-cpu:"))
                .count();
    }

    @Test
    void moreThreadsThanCoresStillGetOn() {
        ToyModel toy = new ToyModel();
        int threads = 4 * Runtime.getRuntime().availableProcessors();
        try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")));
                Session session = model.newSession(threads(threads))) {
            session.feed(1);
            long start = System.nanoTime();
            for (int i = 0; i < 1000; i++) {   // some 14 000 barriers
                session.truncate(1);
                session.feed(2);
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            assertTrue(seconds < 30, threads + " threads took " + seconds + " s for 1000 steps");
        }
    }

    @Test
    void stepsAllocateNothing() {
        com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        ToyModel toy = new ToyModel();
        for (List<String> devices : List.of(List.of("cpu:0"), List.of("cpu:0", "cpu:1"))) {
            try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")));
                    Session session = model.newSession(threads(devices.size()).withDevices(devices))) {
                GenerationOptions options = GenerationOptions.greedy();
                session.feed(1);
                generate(session.generate(options), session, 20_000);   // until all is compiled
                Generation generation = session.generate(options);
                // What the Java machine itself does now and then isn't in every round; an object for each token would be.
                long allocated = Long.MAX_VALUE;
                for (int round = 0; round < 5; round++) {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    generate(generation, session, 100_000);
                    allocated = Math.min(allocated, threads.getCurrentThreadAllocatedBytes() - before);
                }
                assertTrue(allocated < 10_000, allocated + " bytes for 100 000 tokens");
            }
        }
    }

    /** Counts what the scheduler's thread allocates between its request's 20th token and its 280th. */
    private static final class AllocationCount implements TokenListener {
        private final com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        private long before;
        private long allocated = Long.MAX_VALUE;

        @Override
        public void token(Request request, int id) {
            if (request.count() == 20) {
                before = threads.getCurrentThreadAllocatedBytes();
            } else if (request.count() == 280) {
                allocated = threads.getCurrentThreadAllocatedBytes() - before;
            }
        }
    }

    @Test
    void stepsOfManySequencesAllocateNothing() throws Exception {
        ToyModel toy = new ToyModel();
        try (CatenaModel model = CatenaModel.open(toy.write(folder.resolve("toy.catena")));
                Scheduler scheduler = model.newScheduler(SchedulerOptions.defaults().withMaxSequences(4)
                        .withSession(threads(1).withKvCapacity(1280)))) {
            long least = Long.MAX_VALUE;
            // Pages are filled, kept and evicted; that the compiler works meanwhile must not count.
            for (int round = 0; round < 40 && least > 1000; round++) {
                AllocationCount count = new AllocationCount();
                Request[] all = new Request[4];
                for (int i = 0; i < 4; i++) {
                    all[i] = scheduler.submit(new int[] {i, round}, GenerationOptions.greedy().withMaxTokens(290),
                            i == 0 ? count : null);
                }
                for (Request request : all) {
                    request.await();
                }
                least = Math.min(least, count.allocated);
            }
            assertTrue(least <= 1000, least + " bytes for 260 steps of four sequences");
        }
    }

    private static void generate(Generation generation, Session session, int tokens) {
        for (int i = 0; i < tokens; i++) {
            generation.nextInt();
            if (session.position() == 50) {
                session.truncate(30);   // there is always one token to feed
            }
        }
    }

    @Test
    void closingGivesTheMemoryBack() throws IOException {
        ToyModel toy = new ToyModel();
        Path file = toy.write(folder.resolve("toy.catena"));
        openAndClose(file);
        long before = mappings();
        for (int i = 0; i < 50; i++) {
            openAndClose(file);
        }
        assertTrue(mappings() < before + 25, before + " mappings before, " + mappings() + " after");
        assertFalse(Files.readString(Path.of("/proc/self/maps")).contains("toy.catena"));
    }

    private static void openAndClose(Path file) {
        try (CatenaModel model = CatenaModel.open(file); Session session = model.newSession(threads(2))) {
            session.feed(1, 2, 3);
        }
    }

    private static long mappings() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/maps")).size();
    }

    @Test
    void artifactsForOtherMachinesAreRefusedInOneLine() {
        Path other = new ToyModel().needing("cpu:future", "sse3", "avx4096", "avx8192").write(folder.resolve("f.catena"));
        assertEquals(other + ": has code for cpu:future, but this CPU lacks avx4096, avx8192; compile it with --target cpu on "
                + "this machine", assertThrows(UnsupportedPlatformException.class, () -> CatenaModel.open(other)).getMessage());
        Path gpu = new ToyModel().needing("sm_86").write(folder.resolve("g.catena"));
        assertEquals(gpu + ": has code for sm_86 and none for a CPU; compile it with --target cpu",
                assertThrows(UnsupportedPlatformException.class, () -> CatenaModel.open(gpu)).getMessage());
    }
}
