package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the machine code of Llama-7B's kernels (4 bits in groups of 128) has to be like where there is no GPU to time it: no
 * local memory, weights read 128 bits at a time, products on tensor cores, few instructions for each weight, and enough bytes
 * under way to keep a card's memory busy.
 */
class KernelGateTest {
    /** Weights that a lane multiplies in a pass through the main loop of linear_few_tokens: 4 steps of 8 columns of 4 outputs. */
    private static final int WEIGHTS_OF_LOOP = 128;
    private static final int REGISTERS_OF_SM = 65536;

    @ParameterizedTest
    @CsvSource({"sm_80, 12", "sm_90, 32"})
    void sevenBillionParametersInFourBits(String name, int kibInFlight) throws IOException {
        DecoderShape shape = new DecoderShape(4096, 11008, 32, new KvFormat(Element.F16, Element.F16, 32, 128), 32000, 16,
                (n, k) -> MatrixType.quantized(n, k, 4, 128, false));
        CudaProgram program = shape.program();
        CudaTarget target = CudaTarget.parse(name);
        CudaLibrary library = CudaLibrary.compile(program, target, new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        int fewTokens = 0;
        int manyRows = 0;
        for (KernelFacts facts : library.kernels()) {
            SassKernel kernel = cubin.kernel(facts.name());
            assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
            assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
            if (facts.name().endsWith("_tokens")) {
                checkFewTokens(facts, kernel, kibInFlight << 10);
                fewTokens++;
            } else if (facts.name().contains("_tile")) {
                assertTrue(!kernel.mainLoop(Opcode.HMMA).isEmpty(), facts.name());
                assertTrue(!kernel.all(Opcode.LDGSTS).isEmpty(), facts.name());
                manyRows++;
            }
        }
        assertEquals(5, fewTokens);       // norm + qkv, output + residual, norm + gate and up + SwiGLU, down + residual, head
        assertEquals(5, manyRows);
    }

    private static void checkFewTokens(KernelFacts facts, SassKernel kernel, int bytesOfSm) {
        List<SassInstruction> loop = kernel.mainLoop(Opcode.HMMA);
        Map<Integer, Long> widths = loop.stream().filter(i -> i.is(Opcode.LDG))
                .collect(Collectors.groupingBy(SassInstruction::accessBits, Collectors.counting()));
        // Once in a pass four scales and four zeros; all else, weights and x, 128 bits at a time.
        assertEquals(1, widths.remove(64), facts + ": " + widths);
        assertEquals(1, widths.remove(32), facts + ": " + widths);
        assertEquals(1, widths.size(), facts + ": " + widths);
        assertTrue(widths.get(128) >= 12, facts + ": " + widths);
        double each = (double) loop.size() / WEIGHTS_OF_LOOP;
        boolean normed = facts.name().startsWith("norm_");
        assertTrue(each < (normed ? 4.2 : 3.8), facts + ": " + each + " instructions for a weight");
        int threads = 256;
        int blocks = REGISTERS_OF_SM / (((facts.registers() + 7) / 8 * 8) * threads);
        int inFlight = SassKernel.bytesInFlight(loop) * threads * blocks;
        assertTrue(inFlight >= bytesOfSm, facts + ": " + inFlight + " bytes of an SM in flight");
    }
}
