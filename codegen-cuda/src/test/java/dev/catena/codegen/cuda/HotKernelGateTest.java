package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.Buffer;
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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The machine code of a linear layer of Llama-7B's width in 4, 8 and 16 bits, for few rows and for many, of the norm and of the
 * embedding, on every architecture: no local memory, wide loads of weights, products on tensor cores, few instructions a weight,
 * bytes in flight. {@link KernelGateTest} has all shapes in 4 bits.
 */
class HotKernelGateTest {
    private static final int WIDTH = 4096;
    private static final int ROWS = 16;
    private static final int REGISTERS_OF_SM = 65536;
    /** Blocks of a multiprocessor, on the architecture that has the fewest. */
    private static final int MOST_BLOCKS = 16;

    private static View arena(int place) {
        return View.of(new Buffer.Arena(place * 4L * ROWS * WIDTH, 4L * ROWS * WIDTH), WIDTH);
    }

    /** Embedding, then in each storage a norm and a linear layer behind it. */
    private static CudaProgram program() {
        List<List<Launch>> stages = new ArrayList<>();
        View rows = View.of(new Buffer.StageInput(), WIDTH);
        View result = View.of(new Buffer.StageOutput(), WIDTH);
        stages.add(List.of(new EmbeddingLaunch(result, MatrixType.f16(32000, WIDTH), new Buffer.Weight(0))));
        for (MatrixType type : List.of(MatrixType.quantized(WIDTH, WIDTH, 4, 128, false), MatrixType.quantized(WIDTH, WIDTH, 8, 128, false),
                MatrixType.f16(WIDTH, WIDTH))) {
            stages.add(List.of(new RmsNormLaunch(RowCount.STEP, rows, arena(0), new Buffer.Weight(0), 1e-6f),
                    new LinearLaunch(RowCount.STEP, arena(0), result, type, new Buffer.Weight(1), Optional.empty(), Optional.empty(),
                            LinearLaunch.Activations.F32)));
        }
        return CudaProgram.of(stages, ROWS, 64);
    }

    /** @param kibInFlight that a multiprocessor has to have asked for to keep the architecture's fastest card busy */
    @ParameterizedTest
    @CsvSource({"sm_75, 4", "sm_80, 12", "sm_86, 8", "sm_89, 8", "sm_90, 32", "sm_100, 32", "sm_120, 8"})
    void hotKernels(String name, int kibInFlight) throws IOException {
        CudaTarget target = CudaTarget.parse(name);
        CudaLibrary library = CudaLibrary.compile(program().code(), target, new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        List<String> checked = new ArrayList<>();
        for (KernelFacts facts : library.kernels()) {
            SassKernel kernel = cubin.kernel(facts.name());
            assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
            assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
            if (facts.name().endsWith("_tokens")) {
                fewTokens(facts, kernel, target.capability(), kibInFlight << 10);
                checked.add("tokens");
            } else if (facts.name().contains("_tile")) {
                manyRows(facts, kernel, target.capability());
                checked.add("tile");
            }
        }
        // 4, 8 and 16 bits, for up to 8 rows and for 16.
        assertEquals(Map.of("tokens", 3L, "tile", 3L),
                checked.stream().collect(Collectors.groupingBy(kind -> kind, Collectors.counting())));
    }

    /** Weights and x 128 bits at a time; with codes once in a pass the scales and the zeros of four outputs. */
    private static void fewTokens(KernelFacts facts, SassKernel kernel, int capability, int bytesOfSm) {
        List<SassInstruction> loop = kernel.mainLoop(Opcode.HMMA);
        Map<Integer, Long> widths = loadWidths(loop);
        boolean halves = facts.name().contains("_w16_");
        assertEquals(!halves, widths.remove(64) != null, facts + ": " + widths);
        assertEquals(!halves, widths.remove(32) != null, facts + ": " + widths);
        assertEquals(Set.of(128), widths.keySet(), facts.name());
        // A warp's m16n8k16 has 8 weights for each lane, Turing's m16n8k8 has 4; each is multiplied with two halves of x. Of f16 every other
        // place is a zero.
        double weights = SassKernel.count(loop, Opcode.HMMA) * (capability < 80 ? 4 : 8) / (halves ? 4.0 : 2.0);
        double most = (halves ? 6.5 : facts.name().contains("_w8_") ? 4.7 : 4.2) + (capability < 80 ? 0.5 : 0);
        assertTrue(loop.size() < most * weights, facts + ": " + loop.size() / weights + " instructions for a weight");
        assertInFlight(facts, loop, 256, bytesOfSm);
    }

    /** Products on tensor cores; x goes past the registers where the architecture can. */
    private static void manyRows(KernelFacts facts, SassKernel kernel, int capability) {
        List<SassInstruction> loop = kernel.mainLoop(Opcode.HMMA);
        assertFalse(loop.isEmpty(), facts.name());
        assertEquals(capability >= 80, SassKernel.count(loop, Opcode.LDGSTS) > 0, facts.name());
    }

    private static Map<Integer, Long> loadWidths(List<SassInstruction> loop) {
        return loop.stream().filter(i -> i.is(Opcode.LDG))
                .collect(Collectors.groupingBy(SassInstruction::accessBits, TreeMap::new, Collectors.counting()));
    }

    private static void assertInFlight(KernelFacts facts, List<SassInstruction> loop, int threads, int bytesOfSm) {
        int blocks = Math.min(MOST_BLOCKS, REGISTERS_OF_SM / (((facts.registers() + 7) / 8 * 8) * threads));
        int inFlight = SassKernel.bytesInFlight(loop) * threads * blocks;
        assertTrue(inFlight >= bytesOfSm, facts + ": " + inFlight + " bytes of a multiprocessor in flight");
    }
}
