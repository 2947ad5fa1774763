package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.FaultKind;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Barriers of part of a block, barriers that some only arrive at, and barriers that reduce (PTX ISA 9.7.13.1). */
class BarrierTest {
    private static final int THREADS = 128;

    private int[] y;

    /** Runs the body over one block of four warps, which writes y. */
    private SimFault run(String body, int seed) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withSeed(seed));
        Allocation memory = machine.allocate("y", 4 * THREADS);
        String ptx = NvrtcPtx.of("extern \"C\" __global__ void kernel(int* y) {\n  __shared__ int s[128];\n"
                + "  const int t = threadIdx.x, warp = t / 32;\n" + body + "}\n");
        try {
            machine.launch(machine.load(ptx).kernel("kernel"), new int[] {1, 1, 1}, new int[] {THREADS, 1, 1}, 0, memory.address());
        } catch (SimFault e) {
            return e;
        }
        y = memory.readInts(0, THREADS);
        return null;
    }

    /** Warps 0 and 1 hand over at barrier 1, warps 2 and 3 at another; @ is the second pair's number and count. */
    private static String pairs(String second) {
        return """
                s[t] = t;
                if (warp < 2) asm volatile("bar.sync 1, 64;" ::: "memory");
                else asm volatile("bar.sync @;" ::: "memory");
                y[t] = s[t ^ 32];
                """.replace("@", second);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void partOfABlockMayMeet(int seed) {
        assertNull(run(pairs("2, 64"), seed));
        for (int t = 0; t < THREADS; t++) {
            assertEquals(t ^ 32, y[t]);
        }
        assertEquals(FaultKind.BARRIER, run(pairs("2, 96"), seed).kind(), "96 threads, of which 64 come");
        assertEquals(FaultKind.BARRIER, run(pairs("2, 48"), seed).kind(), "not a multiple of a warp");
        assertUnordered(run(pairs("2, 32"), seed)); // each warp by itself
    }

    /** Warp 0 arrives and goes on; what it wrote before is there for those who wait, what it writes after is not. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void someMayOnlyArrive(int seed) {
        String body = """
                if (warp == 0) {
                  @
                } else if (warp == 1) {
                  asm volatile("bar.sync 3, 64;" ::: "memory");
                  y[t] = s[t - 32];
                }
                if (warp != 1) y[t] = 0;
                """;
        String arrive = "asm volatile(\"bar.arrive 3, 64;\" ::: \"memory\");";
        assertNull(run(body.replace("@", "s[t] = t; " + arrive), seed));
        assertEquals(7, y[39]);
        assertUnordered(run(body.replace("@", arrive + " s[t] = t;"), seed));
    }

    /** Where the reader comes first, it finds nothing. */
    private static void assertUnordered(SimFault fault) {
        assertTrue(fault != null, "nothing was caught");
        assertTrue(fault.kind() == FaultKind.RACE || fault.kind() == FaultKind.UNWRITTEN, fault.getMessage());
    }

    /** The same where the barrier is for as many threads as the block has. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void someOfAWholeBlockMayOnlyArrive(int seed) {
        String body = """
                if (warp == 0) {
                  @
                  y[t] = 0;
                } else {
                  asm volatile("bar.sync 3, 128;" ::: "memory");
                  y[t] = s[t % 32];
                }
                """;
        String arrive = "asm volatile(\"bar.arrive 3, 128;\" ::: \"memory\");";
        assertNull(run(body.replace("@", "s[t] = t; " + arrive), seed));
        assertEquals(7, y[39]);
        assertUnordered(run(body.replace("@", arrive + " s[t] = t;"), seed));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void countsAndVotes(int seed) {
        String body = """
                int all = __syncthreads_and(t < @), any = __syncthreads_or(t >= @);
                y[t] = __syncthreads_count(t % 3 == 0) * 4 + (all != 0) * 2 + (any != 0);
                """;
        for (int limit : new int[] {127, 128}) {
            assertNull(run(body.replace("@", Integer.toString(limit)), seed));
            for (int t = 0; t < THREADS; t++) {
                assertEquals(43 * 4 + (limit == 128 ? 2 : 1), y[t], "thread " + t);
            }
        }
    }
}
