package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of attention: all head sizes, cache formats and kinds of scores, each on some architecture. What every combination is like
 * {@link AttentionFactsTable} prints, and docs/cuda-kernels.md says.
 */
class AttentionGateTest {
    /** Rows of a step from which on attention is a kernel of its own, with two tiles of columns for f16 heads of up to 128. */
    private static final int FIRST_OF_MANY_ROWS = 17;
    private static final int LARGEST_PAIRED_DIM = 128;
    /** What a block of many rows knows beside its sums may wait in local memory, around the loops, where they take nearly all registers that there are. */
    private static final int MOST_KEPT_AROUND_LOOPS = 64;

    /** @param rows of a step; 64 stands for all above 16 */
    @ParameterizedTest
    @CsvSource({"f16 8x4 d128, sm_80, 16 64", "u8 8x5 d96 sinks, sm_86, 1", "u4 4x7 d64, sm_89, 64", "f16 32x1 d80 half, sm_75, 1",
        "u8 4x12 d160 window, sm_120, 1", "f16 2x16 d128, sm_90, 1", "u4 2x16 d192 slopes, sm_80, 1", "f16 1x8 d256 capped window, sm_90, 1", "u8/u4 8x3 d128 interleaved, sm_90, 1"})
    void tensorCoresMeetTheCacheAsItIs(String shape, String architecture, String rows) throws IOException {
        AttentionCase attention = AttentionCase.parse(shape);
        for (AttentionFacts facts : AttentionFacts.of(attention, CudaTarget.parse(architecture), Arrays.stream(rows.split(" ")).mapToInt(Integer::parseInt).toArray())) {
            check(facts);
        }
    }

    /** Launched are nearly two blocks for each of an H100's 132 multiprocessors, however few rows and KV heads there are; positions decide how many of them have work. */
    @ParameterizedTest
    @CsvSource({"f16 8x4 d128, 1", "u4 32x1 d128, 1", "u8 4x8 d64 window, 1", "f16 8x4 d128, 32", "u8 8x5 d160, 64"})
    void fewRowsAreSplitOverAllOfALargeCard(String shape, int rows) {
        int blocks = AttentionCase.parse(shape).launch(rows, new KernelSet(TunedKernels.none())).grid().stream().reduce(1, Math::multiplyExact);
        assertTrue(blocks >= 250, shape + ": " + blocks);
    }

    private static void check(AttentionFacts facts) {
        String name = facts.kernel().toString();
        assertEquals(0, facts.localInLoops(), name);
        assertTrue(facts.localElsewhere() <= (facts.kernel().registers() < 250 || facts.rows() < FIRST_OF_MANY_ROWS ? 0 : MOST_KEPT_AROUND_LOOPS),
                name + ": " + facts.localElsewhere());
        // As wide as rows allow, and once for all query heads of a KV head: their number isn't in what is expected.
        assertEquals(facts.attention().loadsOfTile(), facts.loads(), name);
        boolean paired = (facts.rows() >= FIRST_OF_MANY_ROWS || facts.attention().group() > 8) && facts.attention().keys().bits() + facts.attention().values().bits() == 32
                && facts.attention().dim() <= LARGEST_PAIRED_DIM;
        assertEquals(facts.attention().productsOfTile(paired ? 16 : 8), facts.products(), name);
        // What is loaded becomes an operand in registers: no copy of it is made.
        for (Opcode store : new Opcode[] {Opcode.STS, Opcode.STG}) {
            assertEquals(0, SassKernel.count(facts.loop(), store), name + ": " + store);
        }
        assertTrue(facts.loop().size() <= mostInstructions(facts, paired), name + ": " + facts.loop().size() + " of " + mostInstructions(facts, paired));
        assertTrue(facts.bytesInFlight() >= leastInFlight(facts), name + ": " + facts.bytesInFlight() + " bytes of a multiprocessor in flight");
    }

    /** Of a tile: for each product the operands and what becomes of the sums; for each of a lane's scores its weight; and page, maximum, loop. */
    private static double mostInstructions(AttentionFacts facts, boolean paired) {
        AttentionCase attention = facts.attention();
        int scores = attention.positionsOfTile() / 4 * (paired ? 2 : 1);
        double ofProduct = (paired ? 5.8 : 6.5) + (facts.target().capability() < 80 ? 1.5 : 0);
        double ofScore = 10 + (attention.capped() ? 25 : 0);
        boolean codes = attention.keys().quantized() || attention.values().quantized();
        return (ofProduct + (codes ? 3.2 : 0)) * facts.products() + (ofScore + (codes ? 20 : 0)) * scores + 95;
    }

    /**
     * What keeps the architecture's fastest card busy while it answers a step of few rows. Heads above 128 leave registers for half of
     * that, and steps of many rows multiply longer than they wait.
     */
    private static int leastInFlight(AttentionFacts facts) {
        int kib = switch (facts.target().capability()) {
            case 75 -> 4;
            case 80 -> 12;
            case 90 -> 32;
            default -> 8;
        };
        return (kib << 10) / (facts.rows() >= FIRST_OF_MANY_ROWS || facts.attention().dim() > 128 ? 2 : 1);
    }
}
