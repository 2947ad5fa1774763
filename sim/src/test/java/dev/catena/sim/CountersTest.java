package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Counters on kernels whose answers follow from the hardware's rules and a pencil: sectors of 32 bytes, 32 banks of four bytes. */
class CountersTest {
    private static final String SOURCE = """
            #define LANE threadIdx.x
            #define READ(NAME, TYPE, INDEX) extern "C" __global__ void NAME(const TYPE *x, TYPE *y) { y[LANE] = x[INDEX]; }
            READ(stride_1, float, LANE)
            READ(stride_2, float, 2 * LANE)
            READ(stride_32, float, 32 * LANE)
            READ(backwards, float, 31 - LANE)
            READ(misaligned, float, LANE + 1)
            READ(broadcast, float, 5)
            READ(wide, float4, LANE)
            READ(wide_apart, float4, 2 * LANE)
            READ(bytes, char, LANE)

            #define SHARED(NAME, TYPE, INDEX) extern "C" __global__ void NAME(const float *x, TYPE *y) { \\
              __shared__ alignas(128) float words[4096]; \\
              for (int i = LANE; i < 4096; i += 32) words[i] = x[LANE]; \\
              __syncwarp(); \\
              y[LANE] = ((const TYPE *)words)[INDEX]; }
            SHARED(banks_1, float, LANE)
            SHARED(banks_2, float, 2 * LANE)
            SHARED(banks_32, float, 32 * LANE)
            SHARED(banks_padded, float, 33 * LANE)
            SHARED(banks_broadcast, float, 7)
            SHARED(banks_pairs, float, 32 * (LANE / 2))
            SHARED(two_words, float2, LANE)
            SHARED(two_words_apart, float2, 2 * LANE)
            SHARED(four_words, float4, LANE)
            SHARED(four_words_apart, float4, 8 * LANE)
            SHARED(four_words_padded, float4, 9 * LANE)
            SHARED(four_words_broadcast, float4, 3)

            template <int PITCH> __device__ void matrices(const float *x, unsigned *y) {
              __shared__ alignas(128) unsigned char rows[32 * PITCH];
              for (int i = LANE; i < 8 * PITCH; i += 32) ((float *)rows)[i] = x[LANE];
              __syncwarp();
              unsigned a, b, c, d;
              asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d)
                  : "r"((unsigned)__cvta_generic_to_shared(rows + LANE * PITCH)));
              y[LANE] = a + b + c + d;
            }
            extern "C" __global__ void matrices_64(const float *x, unsigned *y) { matrices<64>(x, y); }
            extern "C" __global__ void matrices_80(const float *x, unsigned *y) { matrices<80>(x, y); }
            extern "C" __global__ void matrices_128(const float *x, unsigned *y) { matrices<128>(x, y); }

            extern "C" __global__ void copies(const float4 *x, float4 *y) {
              __shared__ float4 words[32];
              asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((unsigned)__cvta_generic_to_shared(words + LANE)),
                  "l"(x + LANE), "r"(LANE < 16 ? 16 : 0) : "memory");
              asm volatile("cp.async.wait_all;" ::: "memory");
              __syncwarp();
              y[LANE] = words[31 - LANE];
            }
            extern "C" __global__ void atomics(const float *x, int *y) {
              __shared__ int count[2];
              if (LANE < 2) count[LANE] = 0;
              __syncwarp();
              asm volatile("red.shared.add.u32 [%0], 1;" ::"r"((unsigned)__cvta_generic_to_shared(count + LANE % 2)) : "memory");
              __syncwarp();
              y[LANE] = count[LANE % 2];
            }
            extern "C" __global__ void in_local_memory(const float *x, float *y) {
              volatile float own[64];
              for (int i = 0; i < 64; i++) own[i] = 0;
              y[LANE] = own[LANE * 2];
            }
            """;
    private static String ptx;

    @BeforeAll
    static void compile() {
        ptx = NvrtcPtx.of(SOURCE);
    }

    private static KernelCounters count(String text, String kernel, int threads, int blocks, long limit) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults());
        Allocation x = machine.allocateReadOnly("x", 8192, (offset, into, length) -> { });
        Allocation y = machine.allocate("y", 8192);
        return machine.count(machine.load(text).kernel(kernel), new int[] {blocks, 1, 1}, new int[] {threads, 1, 1}, 0, null, limit,
                x.address(), y.address());
    }

    private static KernelCounters count(String kernel) {
        return count(ptx, kernel, 32, 1, 1 << 20);
    }

    @ParameterizedTest
    @CsvSource({"stride_1, 128, 4, 4", "stride_2, 128, 8, 4", "stride_32, 128, 32, 4", "backwards, 128, 4, 4", "misaligned, 128, 5, 4",
            "broadcast, 128, 1, 1", "wide, 512, 16, 16", "wide_apart, 512, 32, 16", "bytes, 32, 1, 1"})
    void sectorsOfARequest(String kernel, long bytes, long sectors, long ideal) {
        KernelCounters counters = count(kernel);
        assertEquals(new KernelCounters.Global(1, bytes, sectors, ideal), counters.memory("x").loads());
        assertEquals(sectors, counters.memory("x").touchedSectors());
        assertEquals(new KernelCounters.Global(1, bytes, bytes / 32, bytes / 32), counters.memory("y").stores());
        assertEquals((double) sectors / ideal, counters.memory("x").loads().excess());
    }

    @ParameterizedTest
    @CsvSource({"banks_1, 1, 1", "banks_2, 2, 1", "banks_32, 32, 1", "banks_padded, 1, 1", "banks_broadcast, 1, 1", "banks_pairs, 16, 1",
            "two_words, 2, 2", "two_words_apart, 4, 2", "four_words, 4, 4", "four_words_apart, 32, 4", "four_words_padded, 4, 4",
            "four_words_broadcast, 2, 2", "matrices_64, 16, 4", "matrices_80, 4, 4", "matrices_128, 32, 4"})
    void wavefrontsOfSharedMemory(String kernel, long wavefronts, long ideal) {
        KernelCounters.Shared loads = count(kernel).shared(i -> i.name().startsWith("ld"));
        assertEquals(1, loads.requests());
        assertEquals(wavefronts, loads.wavefronts());
        assertEquals(ideal, loads.idealWavefronts());
        assertEquals(wavefronts - ideal, loads.conflicts());
    }

    @Test
    void anAsynchronousCopyIsALoadAndAStore() {
        KernelCounters counters = count("copies");
        KernelCounters.OfInstruction copy = counters.instructions().stream().filter(i -> i.name().contains(".cg.")).findFirst().orElseThrow();
        assertEquals(new KernelCounters.Global(1, 256, 8, 8), copy.global(), "lanes that fill with zeros read nothing");
        assertEquals(new KernelCounters.Shared(1, 512, 4, 4), copy.shared());
    }

    @Test
    void atomicsAtOneWordTakeTurns() {
        assertEquals(16, count("atomics").shared(i -> i.name().startsWith("red")).wavefronts());
    }

    @Test
    void localMemoryIsSeen() {
        KernelCounters counters = count("in_local_memory");
        assertEquals(65 * 128, counters.localBytes());
        assertEquals(0, counters.shared(i -> true).requests());
    }

    /** Two warps; five times three products in a loop, where odd lanes go another way once. */
    private static final String LOOP = """
            .version 7.0
            .target sm_80
            .address_size 64
            .visible .entry loop(.param .u64 x, .param .u64 y) {
            .reg .b32 %r<8>;
            .reg .f32 %f<4>;
            .reg .b64 %d<4>;
            .reg .pred %p<4>;
            ld.param.u64 %d0, [y];
            ld.param.u64 %d1, [x];
            mov.u32 %r0, %tid.x;
            mov.u32 %r1, 0;
            mul.wide.u32 %d2, %r0, 4;
            add.s64 %d1, %d1, %d2;
            ld.global.nc.f32 %f0, [%d1];
            and.b32 %r2, %r0, 1;
            setp.eq.u32 %p0, %r2, 0;
            @%p0 bra EVEN;
            ex2.approx.f32 %f0, %f0;
            EVEN:
            fma.rn.f32 %f0, %f0, %f0, %f0;
            mul.f32 %f0, %f0, %f0;
            add.f32 %f0, %f0, %f0;
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p1, %r1, 5;
            @%p1 bra EVEN;
            mov.u32 %r3, %ctaid.x;
            mad.lo.s32 %r4, %r3, 64, %r0;
            mul.wide.u32 %d2, %r4, 4;
            add.s64 %d0, %d0, %d2;
            st.global.f32 [%d0], %f0;
            ret;
            }
            """;

    @Test
    void unitsLoopsAndDivergence() {
        KernelCounters counters = count(LOOP, "loop", 64, 3, 1 << 20);
        long warps = 6;
        assertEquals(3, counters.blocks());
        assertEquals(warps, counters.divergentBranches(), "lanes part once, and meet at the label");
        assertEquals(warps * (5 * 3 + 3), counters.slots().get(ExecutionUnit.FMA));
        assertEquals(warps, counters.slots().get(ExecutionUnit.SFU));
        assertEquals(warps * (2 + 5 * 2 + 2 * 2), counters.slots().get(ExecutionUnit.ALU), "an addition of 64 bits is two of 32");
        assertEquals(warps * (1 + 5 + 1), counters.slots().get(ExecutionUnit.BRANCH));
        assertEquals(warps * 2, counters.slots().get(ExecutionUnit.LSU));
        assertEquals(List.of("fma.rn.f32", "mul.f32", "add.f32", "add.u32", "setp.lt.u32", "bra"),
                counters.mainLoop(i -> i.unit() == ExecutionUnit.FMA).stream().map(KernelCounters.OfInstruction::name).toList());
        assertEquals(List.of(), counters.mainLoop(i -> i.unit() == ExecutionUnit.SFU));
        KernelCounters.OfInstruction product = counters.instructions().stream().filter(i -> i.name().startsWith("fma")).findFirst().orElseThrow();
        assertEquals(warps * 5, product.executions());
        assertEquals(warps * 5 * 32, product.lanes());
        // Three blocks read the same 64 words, and each writes its own.
        assertEquals(8, counters.memory("x").touchedSectors());
        assertEquals(24, counters.memory("x").touchedByBlocks());
        assertEquals(24, counters.memory("y").touchedSectors());
    }

    @Test
    void matrixProductsAreCounted() {
        KernelCounters counters = count(NvrtcPtx.of("""
                extern "C" __global__ void product(const unsigned *x, float *y) {
                  float d[4] = {};
                  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
                      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(x[threadIdx.x]));
                  y[threadIdx.x] = d[0] + d[1] + d[2] + d[3];
                }
                """), "product", 64, 1, 1 << 20);
        assertEquals(2 * 16 * 8 * 16, counters.multiplyAdds());
        assertEquals(2, counters.slots().get(ExecutionUnit.TENSOR));
    }

    @Test
    void aLimitEndsIt() {
        String endless = LOOP.replace("add.u32 %r1, %r1, 1;", "");
        SimFault fault = assertThrows(SimFault.class, () -> count(endless, "loop", 32, 1, 100_000));
        assertTrue(fault.getMessage().contains("100000"), fault.getMessage());
    }
}
