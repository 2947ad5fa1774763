package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.LinearLaunch.Activations;
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
    private static final int REGISTERS_OF_SM = 65536;

    @ParameterizedTest
    @CsvSource("sm_90, 40")
    void sevenBillionParametersInFourBits(String name, int kibInFlight) throws IOException {
        DecoderShape shape = new DecoderShape(4096, 11008, 32, new KvFormat(Element.F16, Element.F16, 32, 128), 32000, 32,
                (n, k) -> MatrixType.quantized(n, k, 4, 128, false));
        CudaProgram program = shape.program();
        CudaTarget target = CudaTarget.parse(name);
        CudaLibrary library = CudaLibrary.compile(program, target, new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        TokenKernelGate gate = new TokenKernelGate(target, kibInFlight, Activations.BF16);
        Map<String, Integer> threads = threads(program);
        int fewTokens = 0;
        int manyRows = 0;
        int attention = 0;
        for (KernelFacts facts : library.kernels()) {
            SassKernel kernel = cubin.kernel(facts.name());
            assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
            assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
            if (TokenKernelGate.isFor(facts)) {
                gate.check(facts, kernel, threads.get(facts.name()));
                fewTokens++;
            } else if (facts.name().startsWith("attention")) {
                checkAttention(facts, kernel, kibInFlight << 10);
                attention++;
            } else if (facts.name().contains("_tile")) {
                assertTrue(!kernel.mainLoop(Opcode.HMMA).isEmpty(), facts.name());
                assertTrue(!kernel.all(Opcode.LDGSTS).isEmpty(), facts.name());
                manyRows++;
            }
        }
        assertEquals(3 * 5, fewTokens);   // up to 4, 8, 16 rows: norm + qkv, output + residual, norm + gate and up + SwiGLU, down + residual, head
        assertEquals(5, manyRows);
        assertEquals(3, attention);       // with RoPE and the cache in a step of up to 8 and 16 rows, alone in others
        for (int bucket = 0; bucket <= 4; bucket++) {
            assertEquals(5, program.stages().get(1).buckets().get(bucket).launches().size(), "launches of a layer with up to " + (1 << bucket) + " rows");
        }
    }

    /** A step of one row, on other architectures and with other weights: weights 128 bits at a time, on tensor cores, half of an SM. */
    @ParameterizedTest
    @CsvSource({"sm_75, 4, 8", "sm_86, 16, 8", "sm_120, 8, 8"})
    void aRowOfSevenBillionParameters(String name, int bits, int kibInFlight) throws IOException {
        DecoderShape shape = new DecoderShape(4096, 11008, 32, new KvFormat(Element.F16, Element.F16, 32, 128), 32000, 1,
                (n, k) -> bits == 16 ? MatrixType.f16(n, k) : MatrixType.quantized(n, k, bits, 128, false));
        CudaProgram program = CudaProgram.of(List.of(shape.decoder()), 1, 32000);
        assertEquals(5, program.stages().get(0).buckets().get(0).launches().size(), "launches of a layer");
        CudaTarget target = CudaTarget.parse(name);
        CudaLibrary library = CudaLibrary.compile(program.code(), target, new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        TokenKernelGate gate = new TokenKernelGate(target, kibInFlight, Activations.BF16);
        Map<String, Integer> threads = threads(program);
        for (KernelFacts facts : library.kernels()) {
            SassKernel kernel = cubin.kernel(facts.name());
            assertEquals(List.of(), kernel.all(Opcode.LDL), facts.name());
            assertEquals(List.of(), kernel.all(Opcode.STL), facts.name());
            if (facts.name().startsWith("attention")) {
                checkAttention(facts, kernel, kibInFlight << 10);
            } else if (TokenKernelGate.isFor(facts)) {
                gate.check(facts, kernel, threads.get(facts.name()));
            }
        }
    }

    private static Map<String, Integer> threads(CudaProgram program) {
        return program.stages().stream().flatMap(stage -> stage.buckets().stream()).flatMap(bucket -> bucket.launches().stream())
                .collect(Collectors.toMap(KernelLaunch::kernel, launch -> launch.block().get(0), (one, same) -> one));
    }

    /** Keys and values of an f16 cache. */
    private static void checkAttention(KernelFacts facts, SassKernel kernel, int bytesOfSm) {
        List<SassInstruction> loop = kernel.smallestLoop(Opcode.HMMA);
        Map<Integer, Long> widths = widths(loop);
        widths.remove(32);      // where a page is
        assertEquals(Map.of(128, widths.get(128)), widths, facts.toString());
        assertTrue(widths.get(128) >= 16, facts + ": " + widths);
        int first = 0;
        while (!loop.get(first).is(Opcode.LDG) || loop.get(first).accessBits() != 128) {
            first++;
        }
        // Steps of many rows multiply longer than they wait.
        assertInFlight(facts, loop.subList(first, loop.size()), 128, facts.name().startsWith("attention_step") ? bytesOfSm : bytesOfSm / 2);
    }

    private static Map<Integer, Long> widths(List<SassInstruction> loop) {
        return loop.stream().filter(i -> i.is(Opcode.LDG)).collect(Collectors.groupingBy(SassInstruction::accessBits, Collectors.counting()));
    }

    private static void assertInFlight(KernelFacts facts, List<SassInstruction> stretch, int threads, int bytesOfSm) {
        int blocks = REGISTERS_OF_SM / (((facts.registers() + 7) / 8 * 8) * threads);
        int inFlight = SassKernel.bytesInFlight(stretch) * threads * blocks;
        assertTrue(inFlight >= bytesOfSm, facts + ": " + inFlight + " bytes of an SM in flight");
    }
}
