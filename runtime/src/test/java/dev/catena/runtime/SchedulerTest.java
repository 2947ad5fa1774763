package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.CatenaException;
import dev.catena.runtime.sampling.BadLogitsException;
import dev.catena.runtime.sampling.SamplingParameters;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Many requests in one step, over the toy model, whose every logit depends on every position of its own sequence. */
@Timeout(600)
class SchedulerTest {
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

    private static SchedulerOptions options(int threads, int capacity) {
        return SchedulerOptions.defaults().withSession(SessionOptions.defaults().withThreads(threads).withKvCapacity(capacity));
    }

    private static GenerationOptions greedy(int tokens) {
        return GenerationOptions.greedy().withMaxTokens(tokens);
    }

    /** Blocks the scheduler's thread in its first step, so that requests submitted meanwhile come together. */
    private static final class Gate implements TokenListener {
        private final CountDownLatch open = new CountDownLatch(1);

        @Override
        public void token(Request request, int id) {
            try {
                open.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,16,64,6000", "2,16,5,6000", "3,4,1,6000", "7,16,64,640", "2,3,40,320"})
    void eachRequestGetsTheTokensItWouldGetAlone(int threads, int sequences, int prefillRows, int capacity) throws Exception {
        Random random = new Random(threads);
        List<int[]> prompts = new ArrayList<>();
        List<Request> requests = new ArrayList<>();
        try (Scheduler scheduler = model.newScheduler(
                options(threads, capacity).withMaxSequences(sequences).withPrefillRows(prefillRows))) {
            for (int i = 0; i < 24; i++) {
                prompts.add(ToyModel.prompt(1 + random.nextInt(i % 5 == 0 ? 200 : 30), i));
                requests.add(scheduler.submit(prompts.get(i), greedy(1 + random.nextInt(60))));
                Thread.sleep(random.nextInt(3));
            }
            for (int i = 0; i < requests.size(); i++) {
                Request request = requests.get(i);
                assertEquals(FinishReason.LENGTH, request.await());
                assertArrayEquals(toy.greedy(prompts.get(i), request.count()), request.tokens(), "request " + i);
            }
        }
    }

    @Test
    void logitsOfAllPositionsAreThoseOfTheSequenceAlone() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(2, 256).withPrefillRows(7))) {
            List<int[]> prompts = new ArrayList<>();
            List<List<float[]>> rows = new ArrayList<>();
            List<Request> requests = new ArrayList<>();
            Gate gate = new Gate();
            scheduler.submit(new int[] {1}, greedy(1), gate);
            for (int i = 0; i < 6; i++) {
                List<float[]> seen = new ArrayList<>();
                rows.add(seen);
                prompts.add(ToyModel.prompt(10 + 15 * i, 40 + i));
                requests.add(scheduler.submit(prompts.get(i), greedy(120).withLogits((position, logits) -> {
                    assertEquals(seen.size(), position);
                    float[] row = new float[logits.remaining()];
                    logits.get(row);
                    seen.add(row);
                })));
            }
            gate.open.countDown();
            for (int i = 0; i < 6; i++) {
                assertEquals(FinishReason.LENGTH, requests.get(i).await(), "" + requests.get(i).failure());
                int[] ids = joined(prompts.get(i), requests.get(i).tokens());
                float[][] expected = toy.logits(Arrays.copyOf(ids, ids.length - 1));   // the last token is not fed
                assertArrayEquals(expected, rows.get(i).toArray(float[][]::new), "request " + i);
            }
            assertTrue(scheduler.counters().preemptions() > 0);
        }
    }

    private static int[] joined(int[] a, int[] b) {
        return IntStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
    }

    @Test
    void sampledTokensAreThoseOfASession() throws Exception {
        SamplingParameters parameters = new SamplingParameters(30, 40, 0.95, 0.001, 1.1, 5);
        try (Scheduler scheduler = model.newScheduler(options(2, 0))) {
            List<Request> requests = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                requests.add(scheduler.submit(ToyModel.prompt(10 + i, i), GenerationOptions.sampling(parameters).withMaxTokens(30)));
            }
            for (int i = 0; i < 5; i++) {
                requests.get(i).await();
                try (Session session = model.newSession(SessionOptions.defaults().withThreads(1))) {
                    session.feed(ToyModel.prompt(10 + i, i));
                    Generation alone = session.generate(GenerationOptions.sampling(parameters).withMaxTokens(30));
                    int[] expected = IntStream.range(0, 30).map(t -> alone.nextInt()).toArray();
                    assertArrayEquals(expected, requests.get(i).tokens());
                }
            }
        }
    }

    @Test
    void tokensCanBeReadAsTheyCome() {
        int[] prompt = ToyModel.prompt(12, 3);
        try (Scheduler scheduler = model.newScheduler(options(2, 0))) {
            List<Integer> heard = new ArrayList<>();
            CountDownLatch ended = new CountDownLatch(1);
            Request request = scheduler.submit(prompt, greedy(25), new TokenListener() {
                @Override
                public void token(Request from, int id) {
                    heard.add(id);
                }

                @Override
                public void ended(Request from) {
                    assertEquals(FinishReason.LENGTH, from.finishReason());
                    ended.countDown();
                }
            });
            int[] expected = toy.greedy(prompt, 25);
            for (int id : expected) {
                assertEquals(id, request.nextInt());
            }
            assertFalse(request.hasNext());
            assertThrows(java.util.NoSuchElementException.class, request::nextInt);
            ended.await();
            assertEquals(Arrays.stream(expected).boxed().toList(), heard);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void equalBeginningsAreFedOnce() throws Exception {
        int[] common = ToyModel.prompt(150, 1);
        int[] first = joined(common, ToyModel.prompt(20, 2));
        int[] second = joined(common, ToyModel.prompt(30, 3));
        try (Scheduler scheduler = model.newScheduler(options(2, 0))) {
            scheduler.submit(first, greedy(40)).await();
            long before = scheduler.counters().sharedPositions();
            assertEquals(0, before);
            Request other = scheduler.submit(second, greedy(40));
            other.await();
            assertArrayEquals(toy.greedy(second, 40), other.tokens());
            // Two whole pages, and of the third the 22 positions that agree.
            assertEquals(150, scheduler.counters().sharedPositions());
            // The very same again: all but the last token, and what it had generated is not disturbed.
            Request again = scheduler.submit(first, greedy(40));
            again.await();
            assertArrayEquals(toy.greedy(first, 40), again.tokens());
            assertEquals(150 + 169, scheduler.counters().sharedPositions());
            // A prompt that ends where a page ends leaves its last token to be fed.
            Request short128 = scheduler.submit(Arrays.copyOf(first, 128), greedy(5));
            short128.await();
            assertArrayEquals(toy.greedy(Arrays.copyOf(first, 128), 5), short128.tokens());
            assertEquals(150 + 169 + 127, scheduler.counters().sharedPositions());
        }
    }

    @Test
    void equalPromptsThatComeTogetherAreReadByTheFirst() throws Exception {
        int[] common = ToyModel.prompt(200, 1);
        try (Scheduler scheduler = model.newScheduler(options(2, 0).withPrefillRows(10))) {
            Gate gate = new Gate();
            Request first = scheduler.submit(new int[] {1}, greedy(1), gate);
            List<Request> requests = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                requests.add(scheduler.submit(joined(common, ToyModel.prompt(3, 50 + i)), greedy(20)));
            }
            gate.open.countDown();
            first.await();
            for (int i = 0; i < 6; i++) {
                requests.get(i).await();
                assertArrayEquals(toy.greedy(joined(common, ToyModel.prompt(3, 50 + i)), 20), requests.get(i).tokens());
            }
            assertTrue(scheduler.counters().sharedPositions() >= 5 * 192, scheduler.counters().toString());
        }
    }

    @Test
    void withoutSharingEverythingIsFed() throws Exception {
        int[] prompt = ToyModel.prompt(150, 1);
        try (Scheduler scheduler = model.newScheduler(options(2, 0).withSharedPrefixes(false))) {
            for (int i = 0; i < 2; i++) {
                Request request = scheduler.submit(prompt, greedy(10));
                request.await();
                assertArrayEquals(toy.greedy(prompt, 10), request.tokens());
            }
            assertEquals(0, scheduler.counters().sharedPositions());
            assertEquals(300, scheduler.counters().prefilledRows());
        }
    }

    @Test
    void aLongPromptDoesNotKeepOthersFromDecoding() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(2, 0).withPrefillRows(4))) {
            Gate gate = new Gate();
            Request blocking = scheduler.submit(new int[] {1}, greedy(1), gate);
            int[] order = new int[2];
            int[] clock = new int[1];
            CountDownLatch ended = new CountDownLatch(2);
            TokenListener listener = new TokenListener() {
                @Override
                public void token(Request request, int id) {
                    clock[0]++;
                }

                @Override
                public void ended(Request request) {
                    order[request.count() == 30 ? 0 : 1] = clock[0];
                    ended.countDown();
                }
            };
            scheduler.submit(ToyModel.prompt(4, 1), greedy(30), listener);
            scheduler.submit(ToyModel.prompt(250, 2), greedy(5), listener);
            gate.open.countDown();
            blocking.await();
            ended.await();
            // 250 rows by 4 at a time take longer than 30 tokens: not one of them waited for the prompt.
            assertEquals(30, order[0]);
            assertEquals(35, order[1]);
        }
    }

    @Test
    void requestsThatDoNotFitWait() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(2, 256).withMaxSequences(8))) {
            List<Request> requests = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                requests.add(scheduler.submit(ToyModel.prompt(150, i), greedy(20)));
            }
            for (int i = 0; i < 8; i++) {
                assertEquals(FinishReason.LENGTH, requests.get(i).await());
                assertArrayEquals(toy.greedy(ToyModel.prompt(150, i), 20), requests.get(i).tokens());
            }
            assertEquals(0, scheduler.counters().preemptions());   // three pages each, of four: one at a time
        }
    }

    @Test
    void aRequestAloneInASmallCacheEndsWithAReason() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(1, 128))) {
            int[] prompt = ToyModel.prompt(100, 1);
            for (int i = 0; i < 2; i++) {   // the second time most of it is shared, and must not be in its own way
                Request request = scheduler.submit(prompt, greedy(1000));
                assertEquals(FinishReason.CONTEXT_FULL, request.await());
                assertArrayEquals(toy.greedy(prompt, 29), request.tokens());   // the last one has a position but none after it
            }
            ContextFullException e = assertThrows(ContextFullException.class,
                    () -> scheduler.submit(ToyModel.prompt(129, 1), greedy(1)));
            assertEquals("129 tokens do not fit in the KV cache's 128 positions", e.getMessage());
        }
    }

    @Test
    void aFullContextEndsWithAReason() throws Exception {
        SchedulerOptions options = SchedulerOptions.defaults()
                .withSession(SessionOptions.defaults().withThreads(1).withMaxSequenceLength(70));
        try (Scheduler scheduler = model.newScheduler(options)) {
            Request request = scheduler.submit(ToyModel.prompt(60, 1), GenerationOptions.greedy());
            assertEquals(FinishReason.CONTEXT_FULL, request.await());
            assertEquals(11, request.count());   // as a session
            assertThrows(ContextFullException.class, () -> scheduler.submit(ToyModel.prompt(71, 1), greedy(1)));
        }
    }

    @Test
    void cancelledRequestsEndAndTheOthersGoOn() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(2, 0).withMaxSequences(2))) {
            Request endless = scheduler.submit(new int[] {1}, GenerationOptions.greedy());
            Request other = scheduler.submit(new int[] {2}, greedy(200));
            Request queued = scheduler.submit(new int[] {3}, greedy(10));
            Request stopped = scheduler.submit(new int[] {4}, greedy(10));
            stopped.stop(FinishReason.STOP_TEXT);
            queued.cancel();
            assertFalse(queued.hasNext());
            endless.nextInt();
            endless.cancel();
            assertEquals(FinishReason.CANCELLED, endless.await());
            assertEquals(FinishReason.CANCELLED, queued.await());
            assertEquals(FinishReason.STOP_TEXT, stopped.await());
            assertEquals(0, queued.count());
            assertEquals(FinishReason.LENGTH, other.await());
            assertArrayEquals(toy.greedy(new int[] {2}, 200), other.tokens());
        }
    }

    @Test
    void whatIsWrongWithOneRequestHurtsNoOther() throws Exception {
        try (Scheduler scheduler = model.newScheduler(options(2, 0))) {
            Request good = scheduler.submit(new int[] {1}, greedy(100));
            IllegalStateException mine = new IllegalStateException("mine");
            Request badListener = scheduler.submit(new int[] {2}, greedy(100), (request, id) -> {
                throw mine;
            });
            Request badChoice = scheduler.submit(new int[] {3}, greedy(100).withChoice((l, h, n, p) -> p == 5 ? 50 : 7));
            Request badSink = scheduler.submit(new int[] {4}, greedy(100).withLogits((position, logits) -> {
                throw mine;
            }));
            Request badLast = scheduler.submit(new int[] {5}, greedy(3), new TokenListener() {
                @Override
                public void token(Request request, int id) {
                }

                @Override
                public void ended(Request request) {
                    throw mine;
                }
            });
            assertEquals(FinishReason.FAILED, badListener.await());
            assertSame(mine, badListener.failure());
            assertEquals(FinishReason.FAILED, badChoice.await());
            assertInstanceOf(CatenaException.class, badChoice.failure());
            assertEquals(FinishReason.FAILED, badSink.await());
            assertEquals(FinishReason.LENGTH, badLast.await());
            assertEquals(FinishReason.LENGTH, good.await());
            assertNull(good.failure());
            assertArrayEquals(toy.greedy(new int[] {1}, 100), good.tokens());
        }
    }

    @Test
    void logitsThatAreNoNumbersFailTheirRequestAlone() throws Exception {
        // A token whose row of the table is NaN: its sequence is lost, and the pages it leaves behind hold NaN.
        try (CatenaModel poisoned = CatenaModel.open(toy.poisoning(9).write(folder.resolve("nan.catena")));
                Scheduler scheduler = poisoned.newScheduler(options(2, 384))) {
            List<Request> good = new ArrayList<>();
            List<Request> bad = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                good.add(scheduler.submit(new int[] {1, i % 8}, greedy(40).withChoice((l, h, n, p) -> p % 8)));
                bad.add(scheduler.submit(new int[] {9, 3, i}, greedy(40)));
            }
            for (int i = 0; i < 12; i++) {
                assertEquals(FinishReason.FAILED, bad.get(i).await());
                assertInstanceOf(BadLogitsException.class, bad.get(i).failure());
                assertEquals(FinishReason.LENGTH, good.get(i).await());
            }
        }
    }

    @Test
    void endsOfTextAreHeeded() throws Exception {
        int[] prompt = ToyModel.prompt(30, 8);
        int[] expected = toy.greedy(prompt, 40);
        int stop = expected[20];
        int first = IntStream.range(0, 40).filter(i -> expected[i] == stop).findFirst().orElseThrow();
        try (CatenaModel other = CatenaModel.open(new ToyModel().endingWith(stop).write(folder.resolve("eos.catena")));
                Scheduler scheduler = other.newScheduler(options(2, 0))) {
            Request eos = scheduler.submit(prompt, greedy(40));
            Request id = scheduler.submit(prompt, greedy(40).withIgnoreEos(true).withStopIds(Set.of(stop)));
            Request none = scheduler.submit(prompt, greedy(40).withIgnoreEos(true));
            assertEquals(FinishReason.EOS, eos.await());
            assertEquals(stop, eos.endToken());
            assertArrayEquals(Arrays.copyOf(expected, first), eos.tokens());
            assertEquals(FinishReason.STOP_ID, id.await());
            assertArrayEquals(Arrays.copyOf(expected, first), id.tokens());
            assertEquals(FinishReason.LENGTH, none.await());
            assertArrayEquals(expected, none.tokens());
            assertEquals(FinishReason.LENGTH, scheduler.submit(prompt, greedy(0)).await());
        }
    }

    @Test
    void closingEndsWhatIsGoingOn() throws Exception {
        Scheduler scheduler = model.newScheduler(options(2, 0).withMaxSequences(3));
        List<Request> requests = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            requests.add(scheduler.submit(new int[] {i}, greedy(290).withIgnoreEos(true), (request, id) -> sleep()));
        }
        requests.get(0).nextInt();
        model.close();      // what is open goes on
        scheduler.close();
        scheduler.close();
        for (Request request : requests) {
            assertEquals(FinishReason.CANCELLED, request.await());
        }
        assertArrayEquals(toy.greedy(new int[] {0}, requests.get(0).count()), requests.get(0).tokens());
        assertThrows(IllegalStateException.class, () -> scheduler.submit(new int[] {1}, greedy(1)));
        assertEquals(0, scheduler.counters().running());
        assertEquals(0, scheduler.counters().keptPages());
    }

    private static void sleep() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aListenerMaySubmitAndClose() throws Exception {
        Scheduler scheduler = model.newScheduler(options(2, 0));
        Request[] next = new Request[1];
        Request first = scheduler.submit(new int[] {1}, greedy(1), (request, id) -> next[0] = scheduler.submit(new int[] {2},
                GenerationOptions.greedy(), (inner, token) -> scheduler.close()));
        assertEquals(FinishReason.LENGTH, first.await());
        assertEquals(FinishReason.CANCELLED, next[0].await());
        scheduler.close();
    }

    @Test
    void badRequestsAreRefusedAtOnce() {
        try (Scheduler scheduler = model.newScheduler(options(1, 0).withMaxSequences(1).withMaxWaiting(2))) {
            assertThrows(CatenaException.class, () -> scheduler.submit(new int[0], greedy(1)));
            CatenaException e = assertThrows(CatenaException.class, () -> scheduler.submit(new int[] {1, 50}, greedy(1)));
            assertEquals("token id 50 is not in the vocabulary (0 to 49)", e.getMessage());
            Gate gate = new Gate();
            Request blocking = scheduler.submit(new int[] {1}, greedy(1), gate);
            while (scheduler.counters().waiting() > 0) {
                Thread.onSpinWait();
            }
            scheduler.submit(new int[] {1}, greedy(1));
            scheduler.submit(new int[] {1}, greedy(1));
            assertThrows(QueueFullException.class, () -> scheduler.submit(new int[] {1}, greedy(1)));
            gate.open.countDown();
            assertTrue(blocking.hasNext());
        }
        assertThrows(ContextFullException.class, () -> model.newScheduler(SchedulerOptions.defaults()
                .withSession(SessionOptions.defaults().withMaxSequenceLength(301))));
        assertThrows(IllegalArgumentException.class, () -> SchedulerOptions.defaults().withMaxSequences(0));
    }

    @Test
    void allPagesComeBack() throws Exception {
        Random random = new Random(5);
        try (Scheduler scheduler = model.newScheduler(options(2, 640).withMaxSequences(6).withPrefillRows(9))) {
            int pages = scheduler.counters().freePages();
            List<Request> requests = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                int[] prompt = joined(ToyModel.prompt(random.nextInt(140) + 1, random.nextInt(3)), ToyModel.prompt(3, i));
                requests.add(scheduler.submit(prompt, greedy(random.nextInt(90) + 1)));
                if (i % 7 == 0) {
                    requests.get(random.nextInt(requests.size())).cancel();
                }
            }
            for (Request request : requests) {
                request.await();
            }
            SchedulerCounters now;
            do {
                now = scheduler.counters();
            } while (now.running() > 0);
            assertEquals(pages, now.freePages() + now.keptPages(), now.toString());
            assertTrue(now.sharedPositions() > 0 && now.evictedPages() > 0, now.toString());
        }
    }
}
