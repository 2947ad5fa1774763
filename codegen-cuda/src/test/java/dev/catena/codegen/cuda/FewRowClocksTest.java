package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.timing.KernelWork;
import dev.catena.sim.timing.LaunchWork;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is put down of blocks of few rows' kernels, against what the simulator counts of them now: a template that has changed asks for new numbers. */
class FewRowClocksTest {
    private static final int COLUMNS = 4096;
    private static final int OUTPUTS = 4096;
    /** Instructions that a multiprocessor starts in a clock, and lanes that do whole numbers and logic. */
    private static final double ISSUES = 4, ALU_LANES = 64;
    private static final int LANES = 32;
    private static final double TOLERANCE = 0.05;

    @ParameterizedTest
    @CsvSource({"4, 1, BF16, 1", "4, 8, BF16, 1", "4, 16, BF16, 2", "16, 4, BF16, 1", "3, 8, F32, 1"})
    void areCounted(int bits, int rows, Activations activations, int splits) throws IOException {
        MatrixType type = bits == 16 ? MatrixType.f16(OUTPUTS, COLUMNS) : MatrixType.quantized(OUTPUTS, COLUMNS, bits, 128, false);
        LinearLaunch linear = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), COLUMNS), View.of(new Buffer.StageOutput(), OUTPUTS), type,
                new Buffer.Weight(LinearCase.MATRIX), Optional.empty(), Optional.empty(), activations);
        LinearCase layer = LinearCase.of(List.of(List.of(linear)), rows).get(0);
        LinearConfiguration made = splits == 1 ? layer.standard() : LinearConfiguration.split(linear, rows, splits);
        FewRowClocks clocks = FewRowClocks.of(LinearKernels.parts(linear));
        double put = COLUMNS / 128 * clocks.ofTurn(type.element(), rows) + clocks.besideTurns(made, rows);
        assertEquals(1, put / counted(layer, made, rows), TOLERANCE, put + " clocks of all blocks with the same outputs");
    }

    /** Clocks of a multiprocessor that has all blocks of the same outputs: for its instructions, its whole numbers, or its passes through shared memory. */
    private static double counted(LinearCase layer, LinearConfiguration made, int rows) throws IOException {
        CudaTarget target = CudaTarget.parse("sm_80");
        LinearCandidates candidates = LinearCandidates.of(layer, List.of(made));
        KernelLaunch launch = candidates.candidates().get(0).launches().get(0);
        String ptx = new String(candidates.ptx(target, new NvrtcCompiler(CodeStore.none())), StandardCharsets.UTF_8);
        try (LaunchWork simulated = new LaunchWork(target.capability(), ptx, rows, Map.of("input", 4L * rows * COLUMNS, "output", 4L * rows * OUTPUTS,
                "scratch", layer.scratchBytes(), "weight:" + LinearCase.MATRIX, new MatrixLayout(layer.linear().type()).bytes()))) {
            KernelWork work = simulated.of(new KernelProgram.Launch(launch.kernel(), launch.grid(), launch.block(), launch.sharedBytes(), launch.arguments()),
                    new KernelProgram.Kernel(launch.kernel(), 128, 0, 0));
            double ofLogic = work.slots().get(ExecutionUnit.ALU) * LANES / ALU_LANES;
            return Math.max(work.allSlots() / ISSUES, Math.max(ofLogic, work.wavefronts())) / LinearKernels.tokenBlocks(layer.linear());
        }
    }
}
