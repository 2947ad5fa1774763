package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.FaultKind;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Address spaces, sparse memory, functions, limits: what kernels from NVRTC rely on. */
class MemoryTest {
    private final SimMachine machine = new SimMachine(SimMachine.Settings.defaults());

    private void launch(String source, int blocks, int threads, int dynamic, long[] chosen, long... pointers) {
        machine.launch(machine.load(NvrtcPtx.of(source)).kernel("kernel"), new int[] {blocks, 1, 1}, new int[] {threads, 1, 1},
                dynamic, chosen, pointers);
    }

    /** Logits of 8192 rows × 128256: a byte offset needs 33 bits, and as an int is negative from row 4186 on. */
    @Test
    void anIndexThatOverflows32BitsShowsInTheLastBlock() {
        Allocation logits = machine.allocate("logits", 4L * 8192 * 128256);
        String kernel = """
                extern "C" __global__ void kernel(char* y) {
                  @
                  *(float*)(y + at) = blockIdx.x;
                }
                """;
        long[] sampled = {0, 1, 2048, 8191};
        launch(kernel.replace("@", "size_t at = blockIdx.x * 513024ull + threadIdx.x * 4;"), 8192, 128, 0, sampled, logits.address());
        assertEquals(8191, logits.readFloats(4L * 8191 * 128256, 1)[0]);
        SimFault fault = assertThrows(SimFault.class, () -> launch(
                kernel.replace("@", "int at = (int)(blockIdx.x * 513024u + threadIdx.x * 4);"), 8192, 128, 0, sampled, logits.address()));
        assertEquals(FaultKind.OUT_OF_BOUNDS, fault.kind(), fault.getMessage());
    }

    @Test
    void functionsLocalMemoryAndSwitches() {
        Allocation y = machine.allocate("y", 4 * 64);
        launch("""
                __device__ __noinline__ int choose(int i, const int* table) {
                  switch (i % 5) {
                    case 0: return table[i & 7];
                    case 1: return i * 3;
                    case 2: return table[1] - i;
                    case 3: return i ^ 77;
                    default: return -i;
                  }
                }
                extern "C" __global__ void kernel(int* y) {
                  int table[8];
                  for (int n = 0; n < 8; n++) table[n] = n * n + threadIdx.x;
                  y[threadIdx.x] = choose(threadIdx.x, table);
                }
                """, 1, 64, 0, null, y.address());
        int[] expected = new int[64];
        for (int i = 0; i < 64; i++) {
            expected[i] = switch (i % 5) {
                case 0 -> (i & 7) * (i & 7) + i;
                case 1 -> i * 3;
                case 2 -> 1 + i - i;
                case 3 -> i ^ 77;
                default -> -i;
            };
        }
        assertArrayEquals(expected, y.readInts(0, 64));
    }

    @Test
    void genericPointersReachEverySpace() {
        Allocation y = machine.allocate("y", 4 * 32);
        launch("""
                __constant__ int weights[4] = {10, 20, 30, 40};
                __device__ __noinline__ void add(int* where, const int* what) { *where += *what; }
                extern "C" __global__ void kernel(int* y) {
                  __shared__ int s[32];
                  int mine = threadIdx.x;
                  s[threadIdx.x] = 1;
                  add(&s[threadIdx.x], &mine);
                  y[threadIdx.x] = s[threadIdx.x];
                  add(&y[threadIdx.x], &weights[threadIdx.x & 3]);
                }
                """, 1, 32, 0, null, y.address());
        for (int i = 0; i < 32; i++) {
            assertEquals(1 + i + 10 * ((i & 3) + 1), y.readInts(4L * i, 1)[0]);
        }
    }

    @Test
    void dynamicSharedMemoryHasItsSizeAndTheArchitecturesLimit() {
        Allocation y = machine.allocate("y", 4 * 128);
        String kernel = """
                extern "C" __global__ void kernel(float* y) {
                  extern __shared__ float row[];
                  row[threadIdx.x] = threadIdx.x;
                  __syncthreads();
                  y[threadIdx.x] = row[127 - threadIdx.x];
                }
                """;
        launch(kernel, 1, 128, 512, null, y.address());
        assertEquals(127, y.readFloats(0, 1)[0]);
        assertEquals(FaultKind.OUT_OF_BOUNDS,
                assertThrows(SimFault.class, () -> launch(kernel, 1, 128, 508, null, y.address())).kind());
        assertEquals(FaultKind.LAUNCH,
                assertThrows(SimFault.class, () -> launch(kernel, 1, 128, 99 * 1024 + 4, null, y.address())).kind());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aReductionOverTheGridAgrees(int seed) {
        SimMachine seeded = new SimMachine(SimMachine.Settings.defaults().withSeed(seed));
        Allocation x = seeded.allocate("x", 4 * 1000);
        float[] values = new float[1000];
        double sum = 0;
        for (int i = 0; i < 1000; i++) {
            values[i] = (float) Math.sin(i);
            sum += values[i];
        }
        x.writeFloats(0, values);
        Allocation y = seeded.allocate("y", 4);
        y.writeFloats(0, 0);
        seeded.launch(seeded.load(NvrtcPtx.of("""
                extern "C" __global__ void kernel(const float* x, float* y) {
                  __shared__ float parts[4];
                  float v = 0;
                  for (int i = blockIdx.x * 128 + threadIdx.x; i < 1000; i += gridDim.x * 128) v += x[i];
                  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(~0u, v, d);
                  if ((threadIdx.x & 31) == 0) parts[threadIdx.x / 32] = v;
                  __syncthreads();
                  if (threadIdx.x == 0) atomicAdd(y, parts[0] + parts[1] + parts[2] + parts[3]);
                }
                """)).kernel("kernel"), new int[] {3, 1, 1}, new int[] {128, 1, 1}, 0, x.address(), y.address());
        assertEquals(sum, y.readFloats(0, 1)[0], 1e-4);
    }

    @Test
    void copiesFillWithZerosAndGuardBothSides() {
        Allocation x = machine.allocate("x", 4 * 128);
        x.writeInts(0, java.util.stream.IntStream.range(1, 129).toArray());
        Allocation y = machine.allocate("y", 4 * 128);
        String kernel = """
                extern "C" __global__ void kernel(int* x, int* y) {
                  __shared__ __align__(16) int s[128];
                  unsigned to = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x * 4]);
                  int bytes = 4 * (threadIdx.x & 3);
                  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(x + threadIdx.x * 4), "r"(bytes) : "memory");
                  asm volatile("cp.async.commit_group;" ::: "memory");
                  @
                  asm volatile("cp.async.wait_group 0;" ::: "memory");
                  for (int i = 0; i < 4; i++) y[threadIdx.x * 4 + i] = s[threadIdx.x * 4 + i];
                }
                """;
        launch(kernel.replace("@", ""), 1, 32, 0, null, x.address(), y.address());
        int[] found = y.readInts(0, 128);
        for (int i = 0; i < 128; i++) {
            assertEquals(i % 4 < (i / 4 & 3) ? i + 1 : 0, found[i]);
        }
        for (String early : new String[] {"s[threadIdx.x * 4] = 1;", "if (bytes) x[threadIdx.x * 4] = -7;"}) {
            SimFault fault = assertThrows(SimFault.class,
                    () -> launch(kernel.replace("@", early), 1, 32, 0, null, x.address(), y.address()));
            assertEquals(FaultKind.PENDING_COPY, fault.kind(), fault.getMessage());
        }
    }

    @Test
    void weightsMayNotBeWritten() {
        Allocation w = machine.allocateReadOnly("w", 4096, (offset, into, length) -> java.util.Arrays.fill(into, 0, length, (byte) 1));
        SimFault fault = assertThrows(SimFault.class, () -> launch("""
                extern "C" __global__ void kernel(int* w) { w[threadIdx.x] += 1; }
                """, 1, 32, 0, null, w.address()));
        assertEquals(FaultKind.READ_ONLY, fault.kind());
        assertTrue(fault.getMessage().contains("of w"), fault.getMessage());
    }
}
