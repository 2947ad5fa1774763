package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.CompiledCode;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of products by wgmma: nothing spills, ptxas keeps products asynchronous, weights and x come by bulk copies alone, and beside
 * a product there is little to do. A multiprocessor has tensor cores for 2048 products in a clock, so one of 64 × 128 × 16 takes 64, in
 * which each of its four parts starts 64 instructions, of two warps: those that stand beside a product must be fewer.
 */
class WarpgroupGateTest {
    private static final int SIZE = 4096;
    private static final int CLOCKS_OF_PRODUCT = 64;
    private static final int SUMS = 64;

    @ParameterizedTest
    @CsvSource({"4, 128, BF16, 31", "8, 128, BF16, 29", "16, 0, BF16, 25", "4, 32, F32, 40"})
    void productsDominate(int bits, int group, Activations activations, int most) throws IOException {
        CudaTarget target = CudaTarget.parse("sm_90a");
        MatrixType type = bits == 16 ? MatrixType.f16(SIZE, SIZE) : MatrixType.quantized(SIZE, SIZE, bits, group, false);
        LinearLaunch linear = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), SIZE),
                View.of(new Buffer.StageOutput(), SIZE), type, new Buffer.Weight(0), Optional.empty(), Optional.empty(), activations);
        KernelSet kernels = new KernelSet(TunedKernels.none(), Untried.WARPGROUPS);
        List<KernelLaunch> launches = WarpgroupLinear.of(HalfRows.of(linear), 2048, 2048, kernels);
        CompiledCode code = new NvrtcCompiler(CodeStore.none()).cubin("model.cu", new CudaSource(kernels.source(), kernels.names(), List.of()), target);
        assertFalse(code.log().contains("serialized"), code.log());
        Map<String, KernelFacts> facts = KernelFacts.of(code.log());
        Cubin cubin = new Cubin(code.code(), target.capability());
        for (KernelLaunch launch : launches) {
            SassKernel kernel = cubin.kernel(launch.kernel());
            assertEquals(List.of(), kernel.all(Opcode.LDL), launch.kernel());
            assertEquals(List.of(), kernel.all(Opcode.STL), launch.kernel());
            assertEquals(0, facts.get(launch.kernel()).spillBytes(), launch.kernel());
        }
        SassKernel kernel = cubin.kernel(launches.get(1).kernel());
        // A wait that goes on jumps back into the code from behind it: only the smallest loop is one.
        List<SassInstruction> loop = kernel.smallestLoop(Opcode.HGMMA);
        int parts = activations == Activations.F32 ? 2 : 1;
        long products = SassKernel.count(loop, Opcode.HGMMA);
        assertEquals(4 * parts, products, "64 columns of both halves, where there are two");
        assertEquals(List.of(), kernel.all(Opcode.HMMA));
        assertEquals(List.of(), kernel.all(Opcode.LDGSTS));
        assertTrue(kernel.all(Opcode.UBLKCP).size() >= 2, "x and weights by bulk copies");
        // What is loaded beside them are scales and zeros of a group: 16 or 32 bits.
        assertTrue(loop.stream().filter(i -> i.is(Opcode.LDG)).allMatch(i -> bits < 16 && i.accessBits() <= 32), "weights by a lane's own loads");
        // Scaling a group's sums stands in the loop twice, and runs at the end of a group.
        long scaling = bits == 16 ? 0 : 2 * SUMS;
        double perStage = bits == 16 ? 0 : SUMS * 64.0 / group;
        double each = (loop.size() - products - scaling + perStage) / products;
        assertTrue(each < most && most <= CLOCKS_OF_PRODUCT, each + " instructions beside each product");
        assertTrue(launches.get(1).sharedBytes() <= 227 << 10, "shared memory of a block");
    }
}
