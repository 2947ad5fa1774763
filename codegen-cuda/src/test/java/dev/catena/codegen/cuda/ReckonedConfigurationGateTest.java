package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of few rows' linear layers whose columns are split between blocks, whose rings are deep or whose blocks are slim: held to the limits of the usual ones
 * ({@link TokenKernelGate}), and still one launch, norm included.
 */
class ReckonedConfigurationGateTest {
    private static final int WIDTH = 4096;

    @ParameterizedTest
    @CsvSource({"sm_80, 12, 4, 1, 4096, BF16", "sm_80, 12, 4, 16, 4096, BF16", "sm_86, 8, 8, 16, 4096, F32", "sm_90, 40, 4, 4, 12288, BF16", "sm_90, 40, 16, 8, 4096, BF16",
        "sm_75, 4, 4, 8, 4096, BF16"})
    void asFewInstructionsAndAsMuchUnderWay(String name, int kibInFlight, int bits, int rows, int outputs, LinearLaunch.Activations activations) throws IOException {
        MatrixType type = bits == 16 ? MatrixType.f16(outputs, WIDTH) : MatrixType.quantized(outputs, WIDTH, bits, 128, false);
        View x = View.of(new Buffer.StageInput(), WIDTH);
        View normed = View.of(new Buffer.Arena(0, 4L * 16 * WIDTH), WIDTH);
        LinearCase layer = LinearCase.of(List.of(List.of(new RmsNormLaunch(RowCount.STEP, x, normed, new Buffer.Weight(0), 1e-6f),
                new LinearLaunch(RowCount.STEP, normed, View.of(new Buffer.StageOutput(), outputs), type, new Buffer.Weight(1), Optional.empty(), Optional.empty(),
                        activations))), rows).get(0);
        CudaTarget target = CudaTarget.parse(name);
        // On sm_90 a deep ring, which has under way by itself what a multiprocessor needs, or with more outputs slim blocks.
        List<LinearConfiguration> made = LinearConfiguration.unusual(LinearConfiguration.Kind.TOKENS, layer.linear(), rows).stream()
                .filter(c -> c.splits() == 4 || c.splits() == (target.capability() == 90 ? 1 : 2)).toList();
        assertEquals(2, made.size(), made.toString());
        LinearCandidates.Compiled compiled = LinearCandidates.of(layer, made).compile(target, new NvrtcCompiler(CodeStore.none()));
        assertEquals(made, compiled.candidates().stream().map(LinearCandidates.Candidate::configuration).toList(), "none spills");
        Cubin cubin = new Cubin(compiled.cubin(), target.capability());
        for (LinearCandidates.Candidate candidate : compiled.candidates()) {
            assertEquals(1, candidate.launches().size());
            KernelLaunch launch = candidate.launches().get(0);
            assertEquals(List.of(outputs / 32, candidate.configuration().splits(), 1), launch.grid());
            new TokenKernelGate(target, kibInFlight, activations).check(compiled.facts().get(launch.kernel()), cubin.kernel(launch.kernel()), launch.block().get(0), launch.sharedBytes() > 0);
        }
    }
}
