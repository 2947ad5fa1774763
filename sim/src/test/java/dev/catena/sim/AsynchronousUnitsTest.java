package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.FaultKind;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A pipeline of bulk copies, mbarriers and {@code wgmma} as a kernel for sm_90a has it: one warp copies stages of B, four multiply. As it
 * stands it computes what the definition says under every seed, and with one thing wrong the simulator says what.
 */
class AsynchronousUnitsTest {
    private static final int STEPS = 6;
    private static final int COLUMNS = 16;
    /** Seeds under which a wrong kernel runs; what depends on the order of things must be found under one of them. */
    private static final int SEEDS = 6;

    /** {@code image}: [step][k / 8][column][8] halves; a warp multiplies 1 … by them. */
    private static final String SOURCE = """
            typedef unsigned int u32;
            typedef unsigned long long u64;
            #define AT(p) ((u32)__cvta_generic_to_shared(p))
            inline __device__ void await(u64 *barrier, u32 parity) {
              u32 done = 0;
              while (!done)
                asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
                             : "=r"(done) : "r"(AT(barrier)), "r"(parity) : "memory");
            }
            inline __device__ void arrive(u64 *barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(AT(barrier)) : "memory"); }
            #define FENCE_REGISTERS asm volatile("" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), \\
                "+r"(a[0]), "+r"(a[1]), "+r"(a[2]), "+r"(a[3]) :: "memory")
            extern "C" __global__ void kernel(const char *image, float *y) {
              __shared__ alignas(128) char stages[2][512];
              __shared__ alignas(8) u64 full[2], empty[2];
              const int lane = threadIdx.x % 32;
              if (threadIdx.x == 0) {
                for (int i = 0; i < 2; i++) {
                  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(AT(full + i)) : "memory");
                  asm volatile("mbarrier.init.shared::cta.b64 [%0], 4;" :: "r"(AT(empty + i)) : "memory");
                }
                asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); // INIT_FENCE
              }
              __syncthreads(); // INIT_BARRIER
              if (threadIdx.x >= 128) {
                if (threadIdx.x == 128)
                  for (int step = 0; step < 6; step++) {
                    const int s = step % 2;
                    if (step >= 2) await(empty + s, step / 2 - 1 & 1); // EMPTY
                    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 512;" :: "r"(AT(full + s)) : "memory"); // EXPECT
                    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 512, [%2];"
                                 :: "r"(AT(stages[s])), "l"(image + step * 512), "r"(AT(full + s)) : "memory"); // COPY
                  }
              } else {
                float d[8] = {0, 0, 0, 0, 0, 0, 0, 0};
                for (int step = 0; step < 6; step++) {
                  const int s = step % 2;
                  u32 a[4];
                  for (int i = 0; i < 4; i++) a[i] = 0x3C003C00; /* ones */
                  await(full + s, step / 2 & 1); // FULL
                  u64 descriptor = AT(stages[s]) >> 4 | (u64)(256 >> 4) << 16 | (u64)(128 >> 4) << 32; // DESCRIPTOR
                  FENCE_REGISTERS;
                  asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); // FENCE
                  asm volatile("wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9, %10, %11}, %12, 1, 1, 1, 0;"
                               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
                               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(descriptor)); // MULTIPLY
                  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); // COMMIT
                  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); // WAIT
                  FENCE_REGISTERS; // BEHIND
                  if (lane == 0) arrive(empty + s); // RELEASE
                }
                asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); // LAST_WAIT
                for (int i = 0; i < 8; i++) y[threadIdx.x * 8 + i] = d[i];
              }
            }
            """;

    private static SimFault run(String source, int seed, float[] results) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(90).withSeed(seed));
        Allocation image = machine.allocate("image", STEPS * 512);
        int[] words = new int[STEPS * 128];
        for (int i = 0; i < words.length; i++) {
            words[i] = half(2 * i % 64) | half((2 * i + 1) % 64) << 16;
        }
        image.writeInts(0, words);
        Allocation y = machine.allocate("y", 128 * 8 * 4);
        try {
            machine.launch(machine.load(NvrtcPtx.of(source, "compute_90a")).kernel("kernel"), new int[] {1, 1, 1}, new int[] {160, 1, 1}, 0,
                    image.address(), y.address());
            System.arraycopy(y.readFloats(0, results.length), 0, results, 0, results.length);
            return null;
        } catch (SimFault e) {
            return e;
        }
    }

    /** Halves of small whole numbers. */
    private static int half(int value) {
        int exponent = 31 - Integer.numberOfLeadingZeros(Math.max(1, value));
        return value == 0 ? 0 : exponent + 15 << 10 | value << 10 - exponent & 0x3FF;
    }

    @Test
    void thePipelineComputesWhatItShould() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            float[] y = new float[128 * 8];
            assertNull(run(SOURCE, seed, y));
            for (int i = 0; i < y.length; i++) {
                int column = i % 8 / 4 * 8 + i / 8 % 4 * 2 + i % 2;
                int sum = 0;
                for (int step = 0; step < STEPS; step++) {
                    for (int k = 0; k < 16; k++) {
                        sum += (step * 256 + k / 8 * COLUMNS * 8 + column * 8 + k % 8) % 64;
                    }
                }
                assertEquals(sum, y[i], "element " + i);
            }
        }
    }

    private static Arguments bug(String name, FaultKind kind, String from, String to) {
        return Arguments.of(name, List.of(kind), from, to);
    }

    static Stream<Arguments> bugs() {
        return Stream.of(
                bug("the mbarriers' beginning is not fenced", FaultKind.MBARRIER, "asm volatile(\"fence.mbarrier_init.release.cluster;\" ::: \"memory\");", ""),
                Arguments.of("nothing orders the mbarriers' beginning", List.of(FaultKind.MBARRIER, FaultKind.RACE), "__syncthreads();", ""),
                Arguments.of("the producer waits for a phase that is over", List.of(FaultKind.RACE, FaultKind.MBARRIER, FaultKind.PENDING_PRODUCT, FaultKind.PENDING_COPY), "step / 2 - 1 & 1", "step / 2 & 1"),
                Arguments.of("the producer doesn't wait for free stages", List.of(FaultKind.RACE, FaultKind.PENDING_PRODUCT, FaultKind.PENDING_COPY,
                        FaultKind.MBARRIER), "if (step >= 2) await", "if (step >= 9) await"),
                Arguments.of("products read before the copy has landed", List.of(FaultKind.RACE, FaultKind.PENDING_COPY, FaultKind.UNWRITTEN),
                        "await(full + s, step / 2 & 1);", ""),
                Arguments.of("consumers wait for the other stage", List.of(FaultKind.RACE, FaultKind.PENDING_COPY, FaultKind.UNWRITTEN),
                        "await(full + s, step / 2 & 1);", "await(full + (step == 3 ? 0 : s), step / 2 & 1);"),
                bug("more bytes are expected than come", FaultKind.DEADLOCK, "_, [%0], 512;", "_, [%0], 528;"),
                bug("a size that is no multiple of 16", FaultKind.MISALIGNED, "[%1], 512, [%2];", "[%1], 504, [%2];"),
                bug("a source that is no multiple of 16", FaultKind.MISALIGNED, "image + step * 512", "image + step * 512 + 8"),
                bug("a source beyond the end", FaultKind.OUT_OF_BOUNDS, "image + step * 512", "image + step * 512 + 16"),
                bug("a target beyond the end", FaultKind.OUT_OF_BOUNDS, "\"r\"(AT(stages[s])), \"l\"", "\"r\"(AT(stages[s]) + 512), \"l\""),
                bug("no mbarrier is there", FaultKind.MBARRIER, "\"r\"(AT(full + s)) : \"memory\"); // COPY", "\"r\"(AT(empty + s) + 16) : \"memory\"); // COPY"),
                bug("a thread writes where an mbarrier lies", FaultKind.MBARRIER, "if (lane == 0) arrive(empty + s);", "if (lane == 0) empty[s] = 0;"),
                bug("no wgmma.fence", FaultKind.PRODUCT_FENCE, "asm volatile(\"wgmma.fence.sync.aligned;\" ::: \"memory\");", ""),
                bug("sums are read before their group is waited for", FaultKind.PENDING_PRODUCT,
                        "asm volatile(\"wgmma.wait_group.sync.aligned 0;\" ::: \"memory\"); // WAIT", "d[0] += 1;"),
                bug("A is written before the group is waited for", FaultKind.PENDING_PRODUCT,
                        "asm volatile(\"wgmma.wait_group.sync.aligned 0;\" ::: \"memory\"); // WAIT", "a[1] = lane; asm volatile(\"\" : \"+r\"(a[1]));"),
                bug("the group is not closed", FaultKind.PENDING_PRODUCT, "asm volatile(\"wgmma.commit_group.sync.aligned;\" ::: \"memory\");", ""),
                Arguments.of("a stage is given back before its products are done", List.of(FaultKind.PENDING_PRODUCT),
                        "asm volatile(\"wgmma.wait_group.sync.aligned 0;\" ::: \"memory\"); // WAIT", "if (lane == 0) arrive(empty + s);"
                        + "for (int i = 0; i < 200; i++) asm volatile(\"bar.warp.sync -1;\"); asm volatile(\"wgmma.wait_group.sync.aligned 0;\" ::: \"memory\"); if (0)"),
                bug("one warp goes another way", FaultKind.LANES, "asm volatile(\"wgmma.fence.sync.aligned;\" ::: \"memory\");",
                        "if (threadIdx.x >= 32) asm volatile(\"wgmma.fence.sync.aligned;\" ::: \"memory\"); else asm volatile(\"wgmma.fence.sync.aligned;  \" ::: \"memory\");"),
                bug("rows beyond the end", FaultKind.OUT_OF_BOUNDS, "(u64)(128 >> 4) << 32", "(u64)(4096 >> 4) << 32"),
                bug("columns in gaps between variables", FaultKind.OUT_OF_BOUNDS, "(u64)(256 >> 4) << 16", "(u64)(8192 >> 4) << 16"),
                bug("a base offset", FaultKind.DESCRIPTOR, "(u64)(128 >> 4) << 32;", "(u64)(128 >> 4) << 32 | (u64)3 << 49;"),
                bug("a stride that breaks the swizzle", FaultKind.DESCRIPTOR, "(u64)(128 >> 4) << 32;", "(u64)(128 >> 4) << 32 | (u64)3 << 62;"),
                bug("warps name different matrices", FaultKind.LANES, "u64 descriptor = ", "u64 descriptor = threadIdx.x < 32 ? AT(stages[s]) + 16 >> 4 : "),
                bug("a thread writes what products read, without a proxy fence", FaultKind.PRODUCT_FENCE, "FENCE_REGISTERS;\n      asm volatile(\"wgmma.fence",
                        "((int *)stages[s])[threadIdx.x] = 0; asm volatile(\"bar.sync 1, 128;\" ::: \"memory\"); FENCE_REGISTERS;\n      asm volatile(\"wgmma.fence"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("bugs")
    void aBugIsFound(String name, List<FaultKind> kinds, String from, String to) {
        String bad = SOURCE.replace(from, to);
        assertTrue(!bad.equals(SOURCE), "nothing was replaced");
        List<String> found = new ArrayList<>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            SimFault fault = run(bad, seed, new float[1]);
            if (fault != null) {
                assertTrue(kinds.contains(fault.kind()), fault.getMessage());
                found.add(fault.getMessage());
                return;
            }
        }
        assertTrue(!found.isEmpty(), "nothing was caught");
    }

    /** The same with the fence is right. */
    @Test
    void whatThreadsWroteIsSeenBehindTheFence() {
        String source = SOURCE.replace("FENCE_REGISTERS;\n      asm volatile(\"wgmma.fence", "((int *)stages[s])[threadIdx.x] = 0; "
                + "asm volatile(\"fence.proxy.async.shared::cta;\" ::: \"memory\"); asm volatile(\"bar.sync 1, 128;\" ::: \"memory\"); FENCE_REGISTERS;\n"
                + "      asm volatile(\"wgmma.fence");
        assertTrue(!source.equals(SOURCE));
        float[] y = new float[128 * 8];
        assertNull(run(source, 1, y));
        for (float sum : y) {
            assertEquals(0, sum);
        }
    }
}
