package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.CatenaException;
import dev.catena.runtime.sampling.BadLogitsException;
import dev.catena.runtime.sampling.SamplingParameters;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SessionTest {
    @TempDir
    Path folder;

    private final ToyModel toy = new ToyModel();
    private CatenaModel model;

    @BeforeEach
    void open() {
        model = CatenaModel.open(toy.write(folder.resolve("toy.catena")));
    }

    @AfterEach
    void close() {
        model.close();
    }

    private static SessionOptions threads(int count) {
        return SessionOptions.defaults().withThreads(count);
    }

    private static float[] floats(FloatBuffer buffer) {
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    /** Feeds {@code ids} in random pieces and compares every position's logits. */
    private void check(SessionOptions options, int[] ids) {
        float[][] expected = toy.logits(ids);
        Random random = new Random(3);
        List<float[]> seen = new ArrayList<>();
        try (Session session = model.newSession(options)) {
            for (int at = 0; at < ids.length;) {
                int next = Math.min(ids.length, at + 1 + random.nextInt(random.nextBoolean() ? 3 : 100));
                boolean all = random.nextBoolean();
                int start = at;
                session.feed(Arrays.copyOfRange(ids, at, next), all ? (position, logits) -> {
                    assertEquals(start + seen.size(), position);
                    seen.add(floats(logits));
                } : null);
                for (int i = 0; all && i < next - at; i++) {
                    assertArrayEquals(expected[at + i], seen.get(i), "position " + (at + i));
                }
                assertEquals(all ? next - at : 0, seen.size());
                seen.clear();
                assertArrayEquals(expected[next - 1], floats(session.logits()), "position " + (next - 1));
                assertEquals(next, session.position());
                at = next;
            }
            assertArrayEquals(ids, session.tokens());
        }
    }

    @Test
    void logitsAreTheSameForAnyNumberOfThreads() {
        int[] ids = ToyModel.prompt(290, 1);
        for (int count : new int[] {1, 2, 3, 7}) {
            check(threads(count), ids);
        }
    }

    @Test
    void logitsAreTheSameForAnyPlacement() {
        int[] ids = ToyModel.prompt(200, 2);
        for (List<String> devices : List.of(List.of("cpu:0"), List.of("cpu"), List.of("cpu:0", "cpu:1"),
                List.of("cpu:1", "cpu:0", "cpu:2"), List.of("cpu:0", "cpu:0"),
                List.of("cpu:0", "cpu:1", "cpu:0", "cpu:1", "cpu:0", "cpu:1"),
                List.of("cpu:0", "cpu:1", "cpu:2", "cpu:3", "cpu:4", "cpu:5", "cpu:6", "cpu:7"))) {
            check(threads(2).withDevices(devices), ids);
        }
    }

    @Test
    void greedyGenerationGivesTheReferencesTokens() {
        int[] prompt = ToyModel.prompt(100, 4);
        int[] expected = toy.greedy(prompt, 50);
        List<Integer> rows = new ArrayList<>();
        LogitsSink sink = (position, logits) -> {
            assertEquals(rows.size(), position);
            rows.add(position);
        };
        try (Session session = model.newSession(threads(2))) {
            session.feed(prompt, sink);
            Generation generation = session.generate(GenerationOptions.greedy().withMaxTokens(50).withLogits(sink));
            List<Integer> got = new ArrayList<>();
            assertNull(generation.finishReason());
            generation.forEachRemaining((int id) -> got.add(id));
            assertArrayEquals(expected, got.stream().mapToInt(Integer::intValue).toArray());
            assertEquals(FinishReason.LENGTH, generation.finishReason());
            assertEquals(100 + 50 - 1, rows.size());
            assertEquals(100 + 50 - 1, session.position());
        }
    }

    @Test
    void aSinkCannotPullItsSessionAway() {
        int[] ids = ToyModel.prompt(60, 8);
        try (Session session = model.newSession(threads(2))) {
            for (Runnable pull : List.<Runnable>of(session::close, () -> session.truncate(0), () -> session.feed(1))) {
                session.feed(ids, (position, logits) -> assertThrows(IllegalStateException.class, pull::run));
                assertArrayEquals(toy.logits(ids)[ids.length - 1], floats(session.logits()));
                session.truncate(0);
            }
        }
    }

    @Test
    void truncatedSessionGoesOnAsIfTheRestHadNeverBeen() {
        int[] ids = ToyModel.prompt(250, 5);
        try (Session session = model.newSession(threads(2))) {
            session.feed(ids);
            for (int length : new int[] {200, 130, 128, 64, 1, 0}) {
                session.truncate(length);
                assertEquals(length, session.position());
                assertThrows(IllegalStateException.class, session::logits);
                session.feed(Arrays.copyOfRange(ids, 10, 20));
                int[] now = session.tokens();
                assertEquals(length + 10, now.length);
                assertArrayEquals(toy.logits(now)[length + 9], floats(session.logits()));
                session.truncate(length);
            }
            assertThrows(IllegalArgumentException.class, () -> session.truncate(1));
            assertThrows(IllegalArgumentException.class, () -> session.truncate(-1));
        }
    }

    @Test
    void forksGoTheirOwnWay() {
        for (List<String> devices : List.of(List.of("cpu:0"), List.of("cpu:0", "cpu:1"))) {
            Session trunk = model.newSession(threads(2).withDevices(devices).withKvCapacity(2000));
            trunk.feed(ToyModel.prompt(100, 6));
            float[] before = floats(trunk.logits());
            List<Session> sessions = new ArrayList<>(List.of(trunk));
            for (int i = 0; i < 4; i++) {
                Session fork = sessions.get(i).fork();
                assertArrayEquals(before, floats(fork.logits()));
                sessions.add(fork);
            }
            Random random = new Random(7);
            for (int round = 0; round < 60; round++) {
                Session session = sessions.get(random.nextInt(sessions.size()));
                if (random.nextInt(6) == 0) {
                    session.truncate(session.position() - random.nextInt(20));
                }
                session.feed(ToyModel.prompt(1 + random.nextInt(8), random.nextLong()));
                int[] now = session.tokens();
                assertArrayEquals(toy.logits(now)[now.length - 1], floats(session.logits()));
                if (round == 20) {
                    sessions.remove(0).close();   // the others keep the pages
                }
            }
            sessions.forEach(Session::close);
        }
    }

    @Test
    void aFullContextEndsWithAReason() {
        try (Session session = model.newSession(threads(2).withMaxSequenceLength(70))) {
            ContextFullException e = assertThrows(ContextFullException.class, () -> session.feed(ToyModel.prompt(71, 1)));
            assertEquals("71 tokens do not fit: 0 of the context's 70 positions are taken", e.getMessage());
            assertEquals(0, session.position());
            session.feed(ToyModel.prompt(60, 1));
            Generation generation = session.generate(GenerationOptions.greedy());
            int count = 0;
            for (; generation.hasNext(); count++) {
                generation.nextInt();
            }
            assertEquals(FinishReason.CONTEXT_FULL, generation.finishReason());
            assertEquals(11, count);   // the last one has a position but none after it
            assertEquals(70, session.position());
        }
        assertThrows(ContextFullException.class, () -> model.newSession(threads(1).withMaxSequenceLength(301)));
    }

    @Test
    void aFullCacheTouchesNothing() {
        try (Session session = model.newSession(threads(1).withKvCapacity(128)); Session fork = session.fork()) {
            session.feed(ToyModel.prompt(64, 1));
            fork.feed(ToyModel.prompt(64, 2));
            assertThrows(ContextFullException.class, () -> session.feed(5));
            assertEquals(64, session.position());
            fork.close();
            session.feed(5);
            assertArrayEquals(toy.logits(session.tokens())[64], floats(session.logits()));
        }
    }

    @Test
    void stopIdsAndEosEndTheGeneration() {
        int[] prompt = ToyModel.prompt(30, 8);
        int[] expected = toy.greedy(prompt, 40);
        int stop = expected[20];
        int first = 0;
        while (expected[first] != stop) {
            first++;
        }
        try (Session session = model.newSession(threads(1))) {
            session.feed(prompt);
            Generation generation = session.generate(GenerationOptions.greedy().withStopIds(Set.of(stop)));
            while (generation.hasNext()) {
                assertTrue(generation.nextInt() != stop);
            }
            assertEquals(FinishReason.STOP_ID, generation.finishReason());
            assertEquals(stop, generation.endToken());
            assertEquals(first, generation.count());
        }
        ToyModel ending = new ToyModel().endingWith(stop);
        try (CatenaModel other = CatenaModel.open(ending.write(folder.resolve("eos.catena")));
                Session session = other.newSession(threads(1))) {
            session.feed(prompt);
            Generation generation = session.generate(GenerationOptions.greedy());
            while (generation.hasNext()) {
                generation.nextInt();
            }
            assertEquals(FinishReason.EOS, generation.finishReason());
            session.truncate(0);
            session.feed(prompt);
            Generation ignoring = session.generate(GenerationOptions.greedy().withIgnoreEos(true).withMaxTokens(40));
            for (int id : expected) {
                assertEquals(id, ignoring.nextInt());
            }
        }
    }

    @Test
    void theApplicationCanStop() {
        try (Session session = model.newSession(threads(1))) {
            session.feed(1, 2, 3);
            Generation generation = session.generate(GenerationOptions.greedy());
            generation.nextInt();
            generation.stop(FinishReason.STOP_TEXT);
            assertFalse(generation.hasNext());
            assertEquals(FinishReason.STOP_TEXT, generation.finishReason());
        }
    }

    @Test
    void cancelFromAnotherThread() throws Exception {
        try (Session session = model.newSession(threads(2))) {
            session.feed(1);
            CountDownLatch going = new CountDownLatch(3);
            AtomicReference<FinishReason> reason = new AtomicReference<>();
            Thread user = new Thread(() -> {
                Generation generation = session.generate(GenerationOptions.greedy());
                while (generation.hasNext()) {
                    generation.nextInt();
                    going.countDown();
                    if (session.position() > 200) {
                        session.truncate(1);
                        session.feed(1);
                    }
                }
                reason.set(generation.finishReason());
            });
            user.start();
            going.await();
            session.cancel();
            user.join();
            assertEquals(FinishReason.CANCELLED, reason.get());

            session.truncate(0);
            session.cancel();   // before the call: the call is cancelled
            assertThrows(CancellationException.class, () -> session.feed(ToyModel.prompt(100, 1)));
            assertEquals(0, session.position());
            // In the middle: whole chunks are kept.
            assertThrows(CancellationException.class, () -> session.feed(ToyModel.prompt(100, 1), (position, logits) -> {
                if (position == 50) {
                    session.cancel();
                }
            }));
            assertEquals(2 * ToyModel.MAX_ROWS, session.position());
            session.feed(3);
            assertArrayEquals(toy.logits(session.tokens())[80], floats(session.logits()));
        }
    }

    @Test
    void badTokensAreOneLine() {
        try (Session session = model.newSession(threads(1))) {
            for (int id : new int[] {-1, ToyModel.VOCAB, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
                CatenaException e = assertThrows(CatenaException.class, () -> session.feed(1, id));
                assertEquals("token id " + id + " is not in the vocabulary (0 to 49)", e.getMessage());
            }
            assertEquals(0, session.position());
            session.feed();
            assertThrows(IllegalStateException.class, session::logits);
            assertThrows(IllegalStateException.class, () -> session.generate(GenerationOptions.greedy()).hasNext());
            session.feed(1);
            assertThrows(CatenaException.class,
                    () -> session.generate(GenerationOptions.greedy().withChoice((l, h, n, p) -> 50)).hasNext());
        }
    }

    @Test
    void sampledTokensDependOnTheSeedAlone() {
        int[] prompt = ToyModel.prompt(30, 9);
        List<int[]> runs = new ArrayList<>();
        for (int seed : new int[] {1, 1, 2}) {
            try (Session session = model.newSession(threads(1 + runs.size()))) {
                session.feed(prompt);
                Generation generation = session.generate(GenerationOptions.sampling(SamplingParameters.random(50, seed)));
                runs.add(java.util.stream.IntStream.range(0, 40).map(i -> generation.nextInt()).toArray());
            }
        }
        assertArrayEquals(runs.get(0), runs.get(1));
        assertFalse(Arrays.equals(runs.get(0), runs.get(2)));
    }

    @Test
    void logitsThatAreNoNumbersAreAnError() {
        try (CatenaModel broken = CatenaModel.open(new ToyModel(Float.NaN).write(folder.resolve("nan.catena")));
                Session session = broken.newSession(threads(1))) {
            session.feed(1);
            assertThrows(BadLogitsException.class, () -> session.generate(GenerationOptions.greedy()).hasNext());
        }
    }

    @Test
    void closedThingsSaySo() {
        Session session = model.newSession(threads(2));
        session.feed(1);
        Session fork = session.fork();
        session.close();
        session.close();
        assertThrows(IllegalStateException.class, () -> session.feed(1));
        assertThrows(IllegalStateException.class, session::fork);
        model.close();
        model.close();
        assertThrows(IllegalStateException.class, () -> model.newSession(threads(1)));
        fork.feed(2);   // what is open goes on
        assertArrayEquals(toy.logits(1, 2)[1], floats(fork.logits()));
        fork.close();
    }

    @Test
    void unknownDevicesAndThreadCountsAreOneLine() {
        for (String name : List.of("gpu:0", "cpu:", "cpu:x", "cpu:-1", "", "cpu:99999")) {
            DeviceException e = assertThrows(DeviceException.class,
                    () -> model.newSession(threads(1).withDevices(List.of(name))));
            assertTrue(e.getMessage().startsWith("unknown device '" + name + "'"), e.getMessage());
        }
        assertThrows(DeviceException.class, () -> threads(5000));
        assertThrows(DeviceException.class, () -> SessionOptions.defaults().withDevices(List.of()));
    }
}
