package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.FaultKind;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels with a bug in a line marked {@code // BUG}, each beside the same kernel without it: the first is caught at that
 * line, the second runs. Under three seeds.
 */
class PlantedBugTest {
    /** A kernel over x (read) and y (written), both of 1024 floats. */
    private static SimFault run(String source, int blocks, int threads, int seed) {
        return run(new SimMachine(SimMachine.Settings.defaults().withSeed(seed)), source, blocks, threads);
    }

    /**
     * For kernels whose blocks wait for each other: on several threads what they meet first, and whether a thread that the host left waiting looks like
     * a deadlock, would be the host's choice.
     */
    private static SimMachine onOneThread(int seed) {
        return new SimMachine(SimMachine.Settings.defaults().withSeed(seed).withHostThreads(1));
    }

    private static SimFault run(SimMachine machine, String source, int blocks, int threads) {
        Allocation x = machine.allocate("x", 4096);
        float[] values = new float[1024];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        x.writeFloats(0, values);
        Allocation y = machine.allocate("y", 4096);
        String ptx = NvrtcPtx.of(source);
        try {
            machine.launch(machine.load(ptx).kernel("kernel"), new int[] {blocks, 1, 1}, new int[] {threads, 1, 1}, 0,
                    x.address(), y.address());
            y.readFloats(0, 1024);
            return null;
        } catch (SimFault e) {
            return e;
        }
    }

    /** Compiles with {@code right} at the marked place, which must run, and with {@code wrong}, which must not. */
    private static void caught(FaultKind kind, String source, String right, String wrong, int blocks, int threads, int seed) {
        String head = "extern \"C\" __global__ void kernel(const float* __restrict__ x, float* y) {\n";
        SimFault none = run(head + source.replace("@", right) + "}\n", blocks, threads, seed);
        assertEquals(null, none, "the kernel without the bug");
        String bad = head + source.replace("@", wrong) + "}\n";
        SimFault fault = run(bad, blocks, threads, seed);
        assertTrue(fault != null, "nothing was caught");
        assertEquals(kind, fault.kind(), fault.getMessage());
        assertEquals("kernel", fault.kernel());
        String[] lines = bad.split("\n");
        String line = lines[fault.source().line() - 1];
        assertTrue(line.contains("BUG"), fault.getMessage() + "\nnames: " + line);
        assertTrue(fault.getMessage().contains("test.cu:" + fault.source().line()), fault.getMessage());
        assertTrue(fault.block() >= 0 && fault.thread() >= 0, fault.getMessage());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void anIndexOffByOne(int seed) {
        caught(FaultKind.OUT_OF_BOUNDS, """
                int i = blockIdx.x * blockDim.x + threadIdx.x;
                y[i @] = x[i]; // BUG
                """, "", "+ 1", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void anIndexOffByOneInSharedMemory(int seed) {
        caught(FaultKind.OUT_OF_BOUNDS, """
                __shared__ float row[128];
                __shared__ float other[128];
                row[threadIdx.x] = x[threadIdx.x];
                other[threadIdx.x] = x[threadIdx.x + 128];
                __syncthreads();
                for (int n = blockIdx.x * 128 + threadIdx.x; n < 1024; n += 1024) y[n] = row[threadIdx.x @] + other[127 - threadIdx.x]; // BUG
                """, "", "+ 1", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aMissingSyncthreads(int seed) {
        caught(FaultKind.RACE, """
                __shared__ float row[128];
                row[threadIdx.x] = 0;
                __syncthreads();
                row[threadIdx.x] = x[threadIdx.x]; // BUG (the write may come second)
                @
                y[blockIdx.x * 128 + threadIdx.x] = row[127 - threadIdx.x]; // BUG
                """, "__syncthreads();", "", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aMissingSyncwarpThatLockstepHides(int seed) {
        caught(FaultKind.RACE, """
                __shared__ float row[4][32];
                int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
                row[warp][lane] = 0;
                __syncwarp();
                row[warp][lane] = x[threadIdx.x]; // BUG (the write may come second)
                @
                y[blockIdx.x * 128 + threadIdx.x] = row[warp][lane ^ 1]; // BUG
                """, "__syncwarp();", "", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void anUnwrittenOutput(int seed) {
        String head = "extern \"C\" __global__ void kernel(const float* __restrict__ x, float* y) {\n";
        SimFault fault = run(head + "int i = blockIdx.x * blockDim.x + threadIdx.x; if (i != 517) y[i] = x[i]; }", 8, 128, seed);
        assertEquals(FaultKind.UNWRITTEN, fault.kind());
        assertTrue(fault.getMessage().contains("byte 2068 of y"), fault.getMessage());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void sharedMemoryReadBeforeAnyoneWroteIt(int seed) {
        caught(FaultKind.UNWRITTEN, """
                __shared__ float sums[4];
                if ((threadIdx.x & 31) == 0 @) sums[threadIdx.x >> 5] = x[threadIdx.x];
                __syncthreads();
                y[blockIdx.x * 128 + threadIdx.x] = sums[0] + sums[1] + sums[2] + sums[3]; // BUG
                """, "", "&& threadIdx.x != 64", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aWrongShuffleWidth(int seed) {
        // Half of the warp runs the sum; the mask names all of it.
        caught(FaultKind.LANES, """
                float v = x[threadIdx.x];
                if ((threadIdx.x & 31) < 16) {
                  for (int d = 8; d > 0; d /= 2)
                    v += __shfl_xor_sync(@, v, d); // BUG
                }
                y[blockIdx.x * 128 + threadIdx.x] = v;
                """, "0x0000ffffu", "0xffffffffu", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aShuffleThatReadsBeyondItsLanes(int seed) {
        caught(FaultKind.LANES, """
                float v = x[threadIdx.x];
                if ((threadIdx.x & 31) < 16)
                  v += __shfl_xor_sync(0x0000ffffu, v, @); // BUG
                y[blockIdx.x * 128 + threadIdx.x] = v;
                """, "8", "16", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aMisalignedVectorLoad(int seed) {
        caught(FaultKind.MISALIGNED, """
                int i = blockIdx.x * 128 + threadIdx.x;
                float4 v = *(const float4*)(x + (i & 127) * 4 @); // BUG
                y[i] = v.x + v.y + v.z + v.w;
                """, "", "+ 1", 8, 128, seed);
    }

    private static final String PIPELINE = """
            __shared__ __align__(16) float stage[2][512];
            int i = threadIdx.x * 4;
            for (int s = 0; s < 2; s++) {
              unsigned to = (unsigned)__cvta_generic_to_shared(&stage[s][i]);
              asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(to), "l"(x + s * 512 + i) : "memory");
              asm volatile("cp.async.commit_group;" ::: "memory");
            }
            asm volatile("cp.async.wait_group @;" ::: "memory");
            __syncthreads();
            float first = stage[0][511 - i];
            float second = stage[1][511 - i]; // BUG
            for (int n = threadIdx.x; n < 1024; n += 128) y[n] = first + second;
            """;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aStageReadBeforeItsGroup(int seed) {
        caught(FaultKind.PENDING_COPY, PIPELINE, "0", "1", 1, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aBarrierThatNotAllReach(int seed) {
        caught(FaultKind.BARRIER, """
                __shared__ float row[128];
                row[threadIdx.x] = x[threadIdx.x];
                if (threadIdx.x < @)
                  __syncthreads(); // BUG
                y[blockIdx.x * 128 + threadIdx.x] = x[threadIdx.x];
                """, "128", "96", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void blocksThatWriteTheSamePlace(int seed) {
        caught(FaultKind.RACE, """
                int i = blockIdx.x * 128 + threadIdx.x;
                y[i] = x[i]; // BUG (either may come second)
                y[(blockIdx.x * 128 @) + threadIdx.x] = x[i]; // BUG
                """, "", "& 511", 8, 128, seed);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aMissingFence(int seed) {
        // The last block to finish adds up what all wrote. Without the fence, nothing orders its reads.
        String kernel = """
                __device__ unsigned done;
                extern "C" __global__ void kernel(const float* x, float* y) {
                  __shared__ bool last;
                  y[blockIdx.x * 128 + threadIdx.x] = x[threadIdx.x];
                  __syncthreads();
                  if (threadIdx.x == 0) {
                    @
                    last = atomicAdd(&done, 1) == gridDim.x - 1;
                    @
                  }
                  __syncthreads();
                  if (last) {
                    float sum = 0;
                    for (int b = 0; b < gridDim.x; b++) sum += ((volatile float*)y)[b * 128 + threadIdx.x];
                    y[threadIdx.x] = sum;
                    if (threadIdx.x == 0) done = 0;
                  }
                }
                """;
        assertEquals(null, run(kernel.replace("@", "__threadfence();"), 8, 128, seed));
        SimFault fault = run(kernel.replace("@", ""), 8, 128, seed);
        assertEquals(FaultKind.RACE, fault.kind());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aGridBarrierThatCannotComplete(int seed) {
        String kernel = """
                __device__ unsigned arrived;
                extern "C" __global__ void kernel(const float* x, float* y) {
                  y[blockIdx.x * 128 + threadIdx.x] = x[threadIdx.x];
                  __syncthreads();
                  if (threadIdx.x == 0) {
                    __threadfence();
                    atomicAdd(&arrived, 1);
                    while (*(volatile unsigned*)&arrived < gridDim.x) {}
                    __threadfence();
                  }
                  __syncthreads();
                  y[blockIdx.x * 128 + threadIdx.x] = y[(gridDim.x - 1 - blockIdx.x) * 128 + threadIdx.x] @;
                }
                """.replace("y[(gridDim.x - 1 - blockIdx.x) * 128 + threadIdx.x] @", "1");
        assertEquals(null, run(onOneThread(seed), kernel, 8, 128));
        SimFault fault = run(new SimMachine(SimMachine.Settings.defaults().withSeed(seed).withResidentBlocks(4)), kernel, 8, 128);
        assertEquals(FaultKind.DEADLOCK, fault.kind(), fault.getMessage());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void nonCoherentLoadsOfWhatTheLaunchWrites(int seed) {
        caught(FaultKind.NON_COHERENT, """
                int i = blockIdx.x * 128 + threadIdx.x;
                y[i] = x[i]; // BUG
                @
                """, "", "y[i] += __ldg((const float*)y + i); // BUG", 8, 128, seed);
    }

    /**
     * Blocks 0 to 5 read x[0], and block 6 writes it after it has heard of those before it. Where it has not heard of one, that is a
     * race, though it has heard of others.
     */
    private static long racesOfAWriteAfterReads(int heardOf) {
        String kernel = """
                extern "C" __global__ void kernel(float* x, float* y) {
                  int* arrived = (int*)(y + 512);
                  if (threadIdx.x != 0) return;
                  if (blockIdx.x < 6) {
                    y[blockIdx.x] = x[0];
                    if (blockIdx.x < @) {
                      __threadfence();
                      atomicAdd(arrived, 1);
                    }
                  } else {
                    while (atomicAdd(arrived, 0) < @) {}
                    __threadfence();
                    x[0] = 1;
                  }
                }
                """.replace("@", Integer.toString(heardOf));
        String ptx = NvrtcPtx.of(kernel);
        long races = 0;
        for (int seed = 1; seed <= 24; seed++) {
            SimMachine machine = onOneThread(seed);
            Allocation x = machine.allocate("x", 4096);
            x.writeFloats(0, new float[1024]);
            Allocation y = machine.allocate("y", 4096);
            y.writeFloats(0, new float[1024]);
            try {
                machine.launch(machine.load(ptx).kernel("kernel"), new int[] {7, 1, 1}, new int[] {32, 1, 1}, 0, x.address(),
                        y.address());
            } catch (SimFault e) {
                assertEquals(FaultKind.RACE, e.kind(), e.getMessage());
                races++;
            }
        }
        return races;
    }

    @Test
    void aWriteAfterReadsOfBlocksThatItHasNotHeardOf() {
        assertEquals(0, racesOfAWriteAfterReads(6), "when it has heard of all");
        long races = racesOfAWriteAfterReads(3);
        assertTrue(races >= 6, "found under " + races + " of 24 seeds");
    }
}
