package dev.catena.runtime.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final float NONE = Float.NEGATIVE_INFINITY;
    private static final int[] NO_HISTORY = {};

    // ---- greedy

    @Test
    void greedyTakesTheLowestIdOfTheLargestLogit() {
        assertEquals(1, sample(SamplingParameters.greedy(), NONE, 3, -1, 3, 2));
        assertEquals(0, sample(SamplingParameters.greedy(), -5, -5, -5));
        assertEquals(2, sample(SamplingParameters.greedy(), NONE, NONE, -1e30f));
    }

    @Test
    void greedyAppliesTheRepeatPenalty() {
        SamplingParameters penalty = new SamplingParameters(0, 0, 1, 0, 2, 0);
        Sampler sampler = new Sampler(penalty, 3);
        FloatBuffer logits = FloatBuffer.wrap(new float[] {4, 3, -1});
        assertEquals(0, sampler.sample(logits, NO_HISTORY, 0, 0));
        assertEquals(1, sampler.sample(logits, new int[] {0}, 1, 1), "4 / 2 is below 3");
        assertEquals(0, sampler.sample(logits, new int[] {0, 1}, 2, 1), "2 beats 1.5");
        assertEquals(1, sampler.sample(logits, new int[] {0, 1}, 1, 1), "only the counted part of the history");
        assertEquals(0, sampler.sample(logits, NO_HISTORY, 0, 1), "nothing is left over from the call before");
    }

    @Test
    void thePenaltyMultipliesNegativeLogitsAndCountsATokenOnce() {
        SamplingParameters penalty = new SamplingParameters(0, 0, 1, 0, 2, 0);
        assertEquals(1, new Sampler(penalty, 2).sample(FloatBuffer.wrap(new float[] {-1, -1.5f}), new int[] {0}, 1, 0), "-1 becomes -2");
        assertEquals(0, new Sampler(penalty, 2).sample(FloatBuffer.wrap(new float[] {8, 3}), new int[] {0, 0, 0}, 3, 0), "8 becomes 4, not 1");
    }

    @Test
    void aPenaltyThatOverflowsNeitherFailsNorRevivesAnImpossibleToken() {
        SamplingParameters tiny = new SamplingParameters(0, 0, 1, 0, 1e-38, 0);
        assertEquals(0, new Sampler(tiny, 3).sample(FloatBuffer.wrap(new float[] {100, 100, NONE}), new int[] {0, 2}, 2, 0));
        SamplingParameters huge = new SamplingParameters(0, 0, 1, 0, 1e38, 0);
        assertEquals(2, new Sampler(huge, 3).sample(FloatBuffer.wrap(new float[] {-100, NONE, -100}), new int[] {0}, 1, 0));
    }

    // ---- the logits

    @Test
    void logitsAreReadFromThePositionAndNotChanged() {
        FloatBuffer logits = ByteBuffer.allocateDirect(20).order(ByteOrder.nativeOrder()).asFloatBuffer();
        logits.put(new float[] {99, 0, 1, 2, 98}).position(1);
        Sampler sampler = new Sampler(new SamplingParameters(0, 0, 1, 0, 3, 0), 3);
        assertEquals(1, sampler.sample(logits, new int[] {2}, 1, 0));
        assertEquals(1, logits.position());
        float[] after = new float[5];
        logits.rewind().get(after);
        assertArrayEquals(new float[] {99, 0, 1, 2, 98}, after);
    }

    @Test
    void badLogitsAreReported() {
        for (SamplingParameters p : new SamplingParameters[] {SamplingParameters.greedy(), SamplingParameters.random(1, 0)}) {
            assertEquals("the logit of token 1 for position 7 is NaN", badLogits(p, 0, Float.NaN, 2));
            assertEquals("the logit of token 2 for position 7 is Infinity", badLogits(p, 0, 1, Float.POSITIVE_INFINITY));
            assertEquals("the logits of all tokens for position 7 are -Infinity", badLogits(p, NONE, NONE, NONE));
        }
    }

    @Test
    void wrongArgumentsAreRefused() {
        Sampler sampler = new Sampler(new SamplingParameters(0, 0, 1, 0, 2, 0), 3);
        FloatBuffer logits = FloatBuffer.wrap(new float[] {1, 2, 4});
        assertThrows(IllegalArgumentException.class, () -> sampler.sample(FloatBuffer.wrap(new float[2]), NO_HISTORY, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> sampler.sample(logits, new int[] {2, 3}, 2, 0));
        assertThrows(IllegalArgumentException.class, () -> sampler.sample(logits, new int[] {-1}, 1, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> sampler.sample(logits, new int[] {1}, 2, 0));
        assertEquals(2, sampler.sample(logits, new int[] {0}, 1, 0), "a refused call leaves no penalty behind");
        assertThrows(IllegalArgumentException.class, () -> new Sampler(SamplingParameters.greedy(), 0));
    }

    // ---- which tokens are left

    @Test
    void oneTokenIsLeftByTopKOneTinyTopPFullMinPAndTinyTemperature() {
        float[] logits = {1, 3, 2.99f, NONE};
        assertLeft(logits, new SamplingParameters(1, 1, 1, 0, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1, 0, 0, 0, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1, 0, 1e-9, 0, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1, 0, 1, 1, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1e-300, 0, 1, 0, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(Double.MIN_VALUE, 0, 0.9, 0.1, 1, 0), 1);
    }

    @Test
    void impossibleTokensAreNeverLeft() {
        float[] logits = {NONE, -1, NONE, 1, NONE};
        assertLeft(logits, SamplingParameters.random(1, 0), 1, 3);
        assertLeft(logits, new SamplingParameters(1e300, 0, 1, 0, 1, 0), 1, 3);
        assertLeft(logits, new SamplingParameters(1, 4, 1, 0, 1, 0), 1, 3);
        assertLeft(logits, new SamplingParameters(1, 100, 0.99999, 1e-9, 1, 0), 1, 3);
    }

    @Test
    void equalLogitsStayTogetherInTopKAndMinPAndGoByIdInTopP() {
        float[] logits = new float[10];
        int[] all = IntStream.range(0, 10).toArray();
        assertLeft(logits, new SamplingParameters(1, 3, 1, 0, 1, 0), all);
        assertLeft(logits, new SamplingParameters(1, 0, 1, 1, 1, 0), all);
        assertLeft(logits, new SamplingParameters(1, 0, 0.35, 0, 1, 0), 0, 1, 2, 3);
    }

    @Test
    void topPKeepsTheTokenThatReachesIt() {
        float[] logits = {(float) Math.log(0.1), (float) Math.log(0.5), (float) Math.log(0.15), (float) Math.log(0.25)};
        assertLeft(logits, new SamplingParameters(1, 0, 0.49, 0, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1, 0, 0.51, 0, 1, 0), 1, 3);
        assertLeft(logits, new SamplingParameters(1, 0, 0.76, 0, 1, 0), 1, 2, 3);
        assertLeft(logits, new SamplingParameters(1, 0, 0.91, 0, 1, 0), 0, 1, 2, 3);
    }

    @Test
    void minPIsRelativeToTheLikeliest() {
        float[] logits = {(float) Math.log(0.1), (float) Math.log(0.5), (float) Math.log(0.15), (float) Math.log(0.25)};
        assertLeft(logits, new SamplingParameters(1, 0, 1, 0.51, 1, 0), 1);
        assertLeft(logits, new SamplingParameters(1, 0, 1, 0.49, 1, 0), 1, 3);
        assertLeft(logits, new SamplingParameters(1, 0, 1, 0.29, 1, 0), 1, 2, 3);
        assertLeft(logits, new SamplingParameters(2, 0, 1, 0.49, 1, 0), 1, 2, 3);
    }

    @Test
    void temperatureComesBeforeTopP() {
        float[] logits = {4, 2, 0};
        assertLeft(logits, new SamplingParameters(1, 0, 0.8, 0, 1, 0), 0);
        assertLeft(logits, new SamplingParameters(100, 0, 0.8, 0, 1, 0), 0, 1, 2);
    }

    @Test
    void oneHotLogitsGiveTheOneToken() {
        float[] logits = new float[1000];
        Arrays.fill(logits, NONE);
        logits[421] = -3;
        assertLeft(logits, new SamplingParameters(1, 50, 0.9, 0.05, 1.1, 0), 421);
        assertLeft(logits, SamplingParameters.random(1e6, 0), 421);
    }

    @Test
    void aVocabularyOfOneTokenWorks() {
        assertLeft(new float[] {-7}, new SamplingParameters(1, 1, 0.5, 0.5, 2, 0), 0);
    }

    // ---- the draw

    /** Draws against the probabilities of an implementation that sorts everything. */
    @Property(tries = 40)
    void drawsFollowTheDistribution(@ForAll @IntRange(min = 2, max = 60) int vocabulary, @ForAll long seed,
            @ForAll @DoubleRange(min = 0.3, max = 3) double temperature, @ForAll @IntRange(max = 70) int topK,
            @ForAll @DoubleRange(max = 1) double topP, @ForAll @DoubleRange(max = 0.5) double minP,
            @ForAll @DoubleRange(min = 0.7, max = 2) double penalty) {
        Random random = new Random(seed);
        float[] logits = new float[vocabulary];
        for (int i = 0; i < vocabulary; i++) {
            logits[i] = random.nextInt(10) == 0 ? NONE : (float) (random.nextGaussian() * 2);
        }
        logits[random.nextInt(vocabulary)] = 0.5f;
        int[] history = random.ints(5, 0, vocabulary).toArray();
        SamplingParameters p = new SamplingParameters(temperature, topK, topP, minP, penalty, seed);
        double[] expected = PlainSampler.probabilities(logits, p, history);

        int draws = 4000;
        int[] counts = new int[vocabulary];
        Sampler sampler = new Sampler(p, vocabulary);
        for (int position = 0; position < draws; position++) {
            counts[sampler.sample(FloatBuffer.wrap(logits), history, history.length, position)]++;
        }
        for (int id = 0; id < vocabulary; id++) {
            if (expected[id] == 0) {
                assertEquals(0, counts[id], "token " + id + " was filtered out");
            }
            double deviation = Math.sqrt(expected[id] * (1 - expected[id]) * draws) + 1;
            assertEquals(expected[id] * draws, counts[id], 6 * deviation, "draws of token " + id);
        }
    }

    /** The exact inverse: the token at which the cumulated probability exceeds the position's uniform number. */
    @Property(tries = 300)
    void theDrawIsTheInverseOfTheCumulatedDistribution(@ForAll @IntRange(min = 1, max = 400) int vocabulary, @ForAll long seed,
            @ForAll @IntRange(max = 1 << 20) int position, @ForAll @IntRange(max = 50) int topK, @ForAll @DoubleRange(max = 1) double topP) {
        Random random = new Random(seed);
        float[] logits = new float[vocabulary];
        for (int i = 0; i < vocabulary; i++) {
            logits[i] = (float) random.nextGaussian() * 3;
        }
        SamplingParameters p = new SamplingParameters(0.8, topK, topP, 0, 1, seed);
        int drawn = new Sampler(p, vocabulary).sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, position);
        double[] probabilities = PlainSampler.probabilities(logits, p);
        double u = Philox.uniform(seed, position, new int[4]);
        double below = Arrays.stream(probabilities, 0, drawn).sum();
        assertTrue(below <= u + 1e-12 && u <= below + probabilities[drawn] + 1e-12,
                () -> u + " is not within " + below + " + " + probabilities[drawn]);
    }

    @Test
    void equalSeedAndPositionGiveTheSameDrawWhateverCameBefore() {
        float[] logits = new float[500];
        SamplingParameters p = SamplingParameters.random(1, 42);
        Sampler used = new Sampler(p, logits.length);
        int[] first = new int[64];
        for (int i = 0; i < first.length; i++) {
            first[i] = used.sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, i);
        }
        for (int i = first.length - 1; i >= 0; i--) {
            assertEquals(first[i], new Sampler(p, logits.length).sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, i));
            assertEquals(first[i], used.sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, i));
        }
        int[] other = new int[64];
        Sampler otherSeed = new Sampler(SamplingParameters.random(1, 43), logits.length);
        for (int i = 0; i < other.length; i++) {
            other[i] = otherSeed.sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, i);
        }
        assertNotEquals(Arrays.toString(first), Arrays.toString(other));
    }

    @Test
    void nothingIsAllocatedPerToken() {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        int vocabulary = 4096;
        FloatBuffer logits = ByteBuffer.allocateDirect(4 * vocabulary).order(ByteOrder.nativeOrder()).asFloatBuffer();
        Random random = new Random(1);
        for (int i = 0; i < vocabulary; i++) {
            logits.put(i, (float) random.nextGaussian());
        }
        int[] history = random.ints(100, 0, vocabulary).toArray();
        Sampler sampler = new Sampler(new SamplingParameters(0.8, 1000, 0.9, 0.01, 1.1, 1), vocabulary);
        int steps = 2000;
        long id = Thread.currentThread().getId();
        long before = 0;
        for (int i = 0; i < 2 * steps; i++) {
            if (i == steps) {
                before = threads.getThreadAllocatedBytes(id);
            }
            sampler.sample(logits, history, history.length, i);
        }
        long allocated = threads.getThreadAllocatedBytes(id) - before;
        // One object per token would be 16 bytes at least.
        assertTrue(allocated < 16L * steps, allocated + " bytes in " + steps + " steps");
    }

    private static int sample(SamplingParameters p, float... logits) {
        return new Sampler(p, logits.length).sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, 0);
    }

    private static String badLogits(SamplingParameters p, float... logits) {
        Sampler sampler = new Sampler(p, logits.length);
        return assertThrows(BadLogitsException.class, () -> sampler.sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, 7)).getMessage();
    }

    /** Exactly these ids are drawn: each has at least 2 % in the cases above, or is the only one. */
    private static void assertLeft(float[] logits, SamplingParameters p, int... expected) {
        Sampler sampler = new Sampler(p, logits.length);
        int[] drawn = IntStream.range(0, 2000)
                .map(position -> sampler.sample(FloatBuffer.wrap(logits), NO_HISTORY, 0, position))
                .distinct().sorted().toArray();
        assertArrayEquals(expected, drawn, p.toString());
    }
}
