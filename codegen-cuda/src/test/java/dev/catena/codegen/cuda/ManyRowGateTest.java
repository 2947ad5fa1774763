package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of products of many rows: nothing spills, codes are loaded 128 bits at a time, x is copied behind the block's back, and beside
 * a product on tensor cores there is little else to do. A multiprocessor of sm_80 starts an instruction of each of its four parts in a cycle, and
 * such a product takes a part eight cycles: what stands between two products must be fewer than eight.
 */
class ManyRowGateTest {
    private static final int SIZE = 4096;
    /** Behind each stage a group of 128 may end, every fourth time: scaling and clearing its sums is in the loop, but not in most passes. */
    private static final int PER_GROUP_SUM = 2;

    @ParameterizedTest
    @CsvSource({"sm_80, 4, BF16", "sm_80, 8, BF16", "sm_86, 16, BF16", "sm_89, 4, F32", "sm_89, 8, BF16", "sm_90, 4, BF16"})
    void productsDominate(String name, int bits, Activations activations) throws IOException {
        CudaTarget target = CudaTarget.parse(name);
        MatrixType type = bits == 16 ? MatrixType.f16(SIZE, SIZE) : MatrixType.quantized(SIZE, SIZE, bits, 128, false);
        LinearLaunch linear = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), SIZE),
                View.of(new Buffer.StageOutput(), SIZE), type, new Buffer.Weight(0), Optional.empty(), Optional.empty(), activations);
        CudaLibrary library = CudaLibrary.compile(CudaProgram.of(List.of(List.of(linear)), 1024, 32).code(), target,
                new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        int checked = 0;
        for (KernelFacts facts : library.kernels()) {
            if (facts.name().endsWith("_tile64") || facts.name().endsWith("_tile128")) {
                check(facts, cubin.kernel(facts.name()), bits, activations);
                checked++;
            }
        }
        assertEquals(2, checked);
    }

    private static void check(KernelFacts facts, SassKernel kernel, int bits, Activations activations) {
        assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
        assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
        List<SassInstruction> loop = kernel.mainLoop(Opcode.HMMA);
        long products = SassKernel.count(loop, Opcode.HMMA);
        // 32 outputs and 64 rows of a warp, 32 columns, and both halves of x where there are two.
        assertEquals(activations == Activations.F32 ? 64 : 32, products, facts.name());
        int halfRows = Integer.parseInt(facts.name().replaceAll(".*_tile", "")) * (activations == Activations.F32 ? 2 : 1);
        int threads = facts.name().endsWith("_tile64") ? 128 : 256;
        assertEquals(halfRows * 4 / threads, SassKernel.count(loop, Opcode.LDGSTS), facts.name());
        long groupSums = bits == 16 ? 0 : 2 * 8 * 4;
        double each = (loop.size() - products - PER_GROUP_SUM * groupSums) / (double) products;
        double most = activations == Activations.F32 ? 2.6 : bits == 16 ? 3.4 : 4.9;     // two halves share what is made of the weights
        assertTrue(each < most, facts.name() + ": " + each + " instructions beside each product");
        List<Integer> widths = loop.stream().filter(i -> i.is(Opcode.LDG)).map(SassInstruction::accessBits).sorted().toList();
        // Of a group four zeros and four scales; of a column 4 outputs in 16 bits.
        assertEquals(switch (bits) {
            case 4 -> List.of(32, 64, 128);
            case 8 -> List.of(32, 64, 128, 128);
            default -> List.of(64, 64, 64, 64, 64, 64, 64, 64);
        }, widths, facts.name());
    }
}
