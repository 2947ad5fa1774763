package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.LinearConfiguration.Kind;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of few rows' linear layers whose weights come by bulk copies, beside that of the same layer whose lanes load them: fewer
 * instructions for each weight, enough bytes under way for an H200, and half of a multiprocessor at most, so that two kernels overlap.
 */
class BulkTokenGateTest {
    private static final int WIDTH = 4096;
    private static final int BYTES_UNDER_WAY = 40 << 10;
    private static final int REGISTERS_OF_HALF = 32768;
    private static final int SHARED_OF_HALF = 228 << 10 >> 1;
    /** What the system keeps of each block's shared memory. */
    private static final int RESERVED = 1 << 10;

    @ParameterizedTest
    @CsvSource({"sm_90, 4, 1, 128, BF16", "sm_90, 4, 8, 128, BF16", "sm_90, 4, 16, 0, BF16", "sm_90, 8, 4, 128, F32", "sm_90, 3, 8, 128, F32", "sm_90, 2, 16, 256, BF16",
        "sm_90, 16, 1, 0, BF16", "sm_100, 4, 8, 128, BF16"})
    void lessWorkForEachWeight(String name, int bits, int rows, int group, LinearLaunch.Activations activations) throws IOException {
        MatrixType type = bits == 16 ? MatrixType.f16(WIDTH, WIDTH) : MatrixType.quantized(WIDTH, WIDTH, bits, group == 0 ? WIDTH : group, false);
        LinearCase layer = LinearCase.of(List.of(normAndLinear(type, activations)), rows).get(0);
        LinearConfiguration standard = LinearConfiguration.standard(Kind.BULK, layer.linear(), rows);
        CudaTarget target = CudaTarget.parse(name);
        assertTrue(layer.configurations(target).contains(standard), standard.text());
        assertFalse(layer.configurations(CudaTarget.parse("sm_89")).stream().anyMatch(c -> c.kind() == Kind.BULK));
        LinearCandidates.Compiled compiled = LinearCandidates.of(layer, List.of(layer.standard(), standard))
                .compile(target, new NvrtcCompiler(CodeStore.none()));
        assertEquals(2, compiled.candidates().size(), "neither spills");
        Cubin cubin = new Cubin(compiled.cubin(), target.capability());
        SassKernel loaded = cubin.kernel(compiled.candidates().get(0).launches().get(0).kernel());
        KernelLaunch launch = compiled.candidates().get(1).launches().get(0);
        SassKernel inBulk = cubin.kernel(launch.kernel());
        for (Opcode none : List.of(Opcode.LDL, Opcode.STL, Opcode.LDGSTS)) {
            assertEquals(List.of(), inBulk.all(none), launch.kernel());
        }
        assertFalse(inBulk.all(Opcode.SYNCS).isEmpty(), "an mbarrier tells of them");
        List<SassInstruction> loop = inBulk.mainLoop(Opcode.HMMA);
        assertEquals(2, SassKernel.count(loop, Opcode.UBLKCP), "a stage is two blocks of outputs");
        // A run's first stages are asked for before it: what asks for more is jumped over as soon as the last one is under way.
        long asking = asking(loop, target.capability());
        assertTrue(loop.size() - asking < loaded.mainLoop(Opcode.HMMA).size(), launch.kernel() + ": " + loop.size() + " - " + asking + " instructions in the loop, "
                + loaded.mainLoop(Opcode.HMMA).size() + " where lanes load");
        assertTrue(asking < 40, asking + " instructions ask for a stage");
        KernelFacts facts = compiled.facts().get(launch.kernel());
        int allCodes = 2 * MatrixLayout.BLOCK_ROWS * WIDTH * bits / 8;
        assertTrue(layer.bytesUnderWay(standard) >= Math.min(allCodes, BYTES_UNDER_WAY), standard.text());
        assertTrue((facts.registers() + 7) / 8 * 8 * launch.block().get(0) <= REGISTERS_OF_HALF, facts.toString());
        assertTrue(facts.sharedBytes() + launch.sharedBytes() + RESERVED <= SHARED_OF_HALF, facts + " and " + launch.sharedBytes() + " bytes");
    }

    /** The shortest stretch with the bulk copies that a branch jumps over. */
    private static long asking(List<SassInstruction> loop, int capability) {
        long least = loop.size();
        for (SassInstruction branch : loop) {
            int target = branch.is(Opcode.BRA) ? branch.target(capability) : 0;
            List<SassInstruction> over = loop.stream().filter(i -> i.address() > branch.address() && i.address() < target).toList();
            least = SassKernel.count(over, Opcode.UBLKCP) == 2 ? Math.min(least, over.size()) : least;
        }
        return least;
    }

    private static List<Launch> normAndLinear(MatrixType type, LinearLaunch.Activations activations) {
        View normed = View.of(new Buffer.Arena(0, 16 * 4L * WIDTH), WIDTH);
        return List.of(new RmsNormLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), WIDTH), normed, new Buffer.Weight(0), 1e-6f),
                new LinearLaunch(RowCount.STEP, normed, View.of(new Buffer.StageOutput(), WIDTH), type, new Buffer.Weight(1), Optional.empty(),
                        Optional.empty(), activations));
    }
}
