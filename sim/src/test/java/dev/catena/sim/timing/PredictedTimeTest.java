package dev.catena.sim.timing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The model's rules on work put down by hand; docs/sim.md says them. */
class PredictedTimeTest {
    private static final double MOST_APART = 1e-12;
    private static final Card CARD = Card.named("NVIDIA H200").orElseThrow();
    private static final double RAMP = 3 * CARD.latencySeconds();

    /** One block a multiprocessor, each of which has so many bytes to fetch and so many of them under way. */
    private static KernelWork oneBlockEach(double bytesOfBlock, long underWay) {
        double bytes = bytesOfBlock * CARD.multiprocessors();
        return new KernelWork("k", CARD.multiprocessors(), 256, 128, 1 << 10, CARD.multiprocessors(), Map.of(), 0, 0,
                List.of(new KernelWork.Memory("weight:0", bytes, bytes, false, List.of())), underWay);
    }

    /** Little's law: half of what the bandwidth wants under way is half of the bandwidth. */
    @Test
    void blocksThatAreAloneGetWhatTheyHaveUnderWay() {
        double share = CARD.memory().bytesUnderWay() / CARD.memory().readBytesPerSecond() * CARD.multiprocessors();
        for (int part : new int[] {1, 2, 4}) {
            double memory = PredictedTime.of(oneBlockEach(1 << 20, CARD.memory().bytesUnderWay() / part), CARD).needs().get(PredictedTime.Limit.MEMORY);
            assertEquals(part * share * (1 << 20) / CARD.memory().bytesUnderWay(), memory, MOST_APART);
        }
    }

    /** What was asked for before the wait comes while boundary and ramp pass, no more than these have time for; and memory is never faster than it is. */
    @Test
    void whatIsAskedForEarlyComesBeforeTheStart() {
        for (double ofBlock : new double[] {200 << 10, 1 << 20}) {
            for (long underWay : new long[] {40 << 10, 400 << 10}) {
                KernelWork work = oneBlockEach(ofBlock, underWay);
                double alone = PredictedTime.of(work, CARD).seconds();
                double early = Math.min(ofBlock, underWay) * CARD.multiprocessors() / CARD.memory().readBytesPerSecond();
                for (double boundary : new double[] {CARD.boundarySeconds(), 0}) {
                    double seconds = PredictedTime.overlapping(work, CARD, boundary).seconds();
                    double saved = CARD.boundarySeconds() - boundary + Math.min(early, boundary + RAMP);
                    assertEquals(alone - saved, seconds, MOST_APART);
                    assertTrue(seconds >= ofBlock * CARD.multiprocessors() / CARD.memory().readBytesPerSecond() - MOST_APART);
                }
            }
        }
    }

    /**
     * A product of 16 tiles of rows and 96 of outputs, in two groups of 8 tiles of rows, 128 blocks at a time: these have 16 tiles of outputs, so that all
     * weights come once for each group, and each of twelve waves takes 8 tiles of rows. In another order a wave takes all of the weights.
     */
    @Test
    void blocksThatRunTogetherShareMemory() {
        double tile = 1 << 20;
        long blocks = 8 * 96 * 2;
        KernelWork.Memory weights = new KernelWork.Memory("weight:0", 96 * tile, blocks * tile, false, order(8, 0, 96, 1, 2, 0));
        KernelWork.Memory rows = new KernelWork.Memory("scratch", 16 * tile, blocks * tile, true, order(8, 1, 96, 0, 2, 1));
        KernelWork.Memory outputsFirst = new KernelWork.Memory("weight:0", 96 * tile, blocks * tile, false, order(96, 1, 16, 0, 1, 0));
        assertEquals(2 * 96 * tile, weights.fromMemory(4 << 20, blocks, 128));
        assertEquals(12 * 8 * tile, rows.fromMemory(4 << 20, blocks, 128));
        assertEquals(12 * 96 * tile, outputsFirst.fromMemory(4 << 20, blocks, 128));
        assertEquals(96 * tile, weights.fromMemory(1L << 30, blocks, 128));
        assertEquals(0, rows.fromMemory(1L << 30, blocks, 128));
    }

    private static List<KernelWork.Memory.Along> order(int x, double freshX, int y, double freshY, int z, double freshZ) {
        return List.of(new KernelWork.Memory.Along(x, freshX), new KernelWork.Memory.Along(y, freshY), new KernelWork.Memory.Along(z, freshZ));
    }
}
