package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of a linear layer of Llama-7B's width with a norm before it, in every storage and for 4, 8 and 16 rows, and of the embedding,
 * on every architecture ({@link TokenKernelGate}). {@link KernelGateTest} has all shapes in 4 bits, {@link ManyRowGateTest} more rows.
 */
class HotKernelGateTest {
    private static final int WIDTH = 4096;
    private static final int ROWS = 16;

    private static View arena(int place) {
        return View.of(new Buffer.Arena(place * 4L * ROWS * WIDTH, 4L * ROWS * WIDTH), WIDTH);
    }

    /** Embedding, then in each storage a norm and a linear layer behind it. */
    private static CudaProgram program(List<Integer> storages, LinearLaunch.Activations activations) {
        List<List<Launch>> stages = new ArrayList<>();
        View rows = View.of(new Buffer.StageInput(), WIDTH);
        View result = View.of(new Buffer.StageOutput(), WIDTH);
        for (int bits : storages) {
            MatrixType type = bits == 16 ? MatrixType.f16(WIDTH, WIDTH) : MatrixType.quantized(WIDTH, WIDTH, bits, 128, false);
            stages.add(List.of(new EmbeddingLaunch(result, type.withRows(32000), new Buffer.Weight(0))));
            stages.add(List.of(new RmsNormLaunch(RowCount.STEP, rows, arena(0), new Buffer.Weight(0), 1e-6f),
                    new LinearLaunch(RowCount.STEP, arena(0), result, type, new Buffer.Weight(1), Optional.empty(), Optional.empty(),
                            activations)));
        }
        return CudaProgram.of(stages, ROWS, 64);
    }

    /** @param kibInFlight that a multiprocessor has to have asked for to keep the architecture's fastest card busy */
    @ParameterizedTest
    @CsvSource({"sm_75, 4, 4 3, BF16", "sm_80, 12, 4 2 16, BF16", "sm_86, 8, 8 3, F32", "sm_89, 8, 4 16, BF16",
        "sm_90, 40, 4 8 16 3 2, BF16", "sm_100, 40, 4 8, F32", "sm_120, 8, 4 2 16, BF16"})
    void hotKernels(String name, int kibInFlight, String bits, LinearLaunch.Activations activations) throws IOException {
        CudaTarget target = CudaTarget.parse(name);
        List<Integer> storages = Arrays.stream(bits.split(" ")).map(Integer::valueOf).toList();
        CudaLibrary library = CudaLibrary.compile(program(storages, activations).code(), target, new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        TokenKernelGate gate = new TokenKernelGate(target, kibInFlight, activations);
        int checked = 0;
        for (KernelFacts facts : library.kernels()) {
            SassKernel kernel = cubin.kernel(facts.name());
            assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
            assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
            if (TokenKernelGate.isFor(facts)) {
                gate.check(facts, kernel, facts.name().endsWith("16") ? 128 : 256);
                checked++;
            }
        }
        assertEquals(3 * storages.size(), checked);
    }
}
