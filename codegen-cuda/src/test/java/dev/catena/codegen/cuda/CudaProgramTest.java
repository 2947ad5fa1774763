package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.MatrixType;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaProgramTest {
    static Stream<DecoderShape> shapes() {
        return Stream.of(
                new DecoderShape(64, 172, 4, new KvFormat(Element.F16, Element.F16, 2, 16), 105, 64,
                        (n, k) -> MatrixType.quantized(n, k, 4, 32, false)),
                new DecoderShape(288, 768, 6, new KvFormat(Element.U8, Element.U4, 6, 48), 512, 100,
                        (n, k) -> MatrixType.quantized(n, k, 8, 128, true)),
                new DecoderShape(72, 100, 8, new KvFormat(Element.U4, Element.U8, 1, 256), 105, 256,
                        (n, k) -> MatrixType.quantized(n, k, 4, 24, false)),
                new DecoderShape(65, 33, 1, new KvFormat(Element.F32, Element.F32, 1, 9), 77, 3, MatrixType::f32),
                new DecoderShape(65, 33, 3, new KvFormat(Element.F32, Element.F16, 3, 8), 77, 17, MatrixType::f16));
    }

    /** By turns, since all of them would take minutes. The first shape is compiled for each target by {@code EveryTargetTest}. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void everyKernelCompiles(int number) throws IOException {
        CudaProgram program = shapes().toList().get(number).program();
        List<CudaTarget> targets = CudaTarget.known();
        int step = Boolean.getBoolean("catena.tests.product") ? 1 : 5;
        for (int i = number % step; i < targets.size(); i += step) {
            assertCompiles(program, targets.get(i));
        }
    }

    /** Without spills, in the shared memory that every kernel has without asking. */
    static void assertCompiles(CudaProgram program, CudaTarget target) throws IOException {
        CudaLibrary library = CudaLibrary.compile(program, target, new NvrtcCompiler(CodeStore.none()));
        assertEquals(program.kernelNames(), library.kernels().stream().map(KernelFacts::name).toList());
        for (KernelFacts kernel : library.kernels()) {
            assertEquals(0, kernel.spillBytes(), kernel + " for " + target.name());
            assertTrue(kernel.sharedBytes() <= 48 << 10, kernel.toString());
        }
    }

    @Test
    void equalStagesShareTheirLaunches() {
        DecoderShape shape = shapes().findFirst().orElseThrow();
        CudaProgram program = shape.program();
        assertSame(program.stages().get(1), program.stages().get(2));
        CudaProgram alone = CudaProgram.of(List.of(shape.decoder()), shape.maxRows(), shape.vocabulary());
        assertEquals(alone.stages().get(0).name(), program.stages().get(1).name());
    }

    @Test
    void codeDoesNotGrowWithDepth() {
        DecoderShape shape = shapes().findFirst().orElseThrow();
        CudaProgram deep = CudaProgram.of(Collections.nCopies(32, shape.decoder()), shape.maxRows(), shape.vocabulary());
        assertEquals(CudaProgram.of(List.of(shape.decoder()), shape.maxRows(), shape.vocabulary()).source(), deep.source());
        assertEquals(1, deep.stages().stream().map(CudaStage::name).distinct().count());
    }

    /** Eight billion parameters' shapes have as many kernels as a small model's of the same kind, and so take no longer to compile. */
    @Test
    void aLargeModelHasAsManyKernelsAsASmallOne() {
        assertEquals(shapeOf(1024, 1536, 8, 2, 512).program().kernelNames().size(), shapeOf(4096, 14336, 32, 8, 128256).program().kernelNames().size());
    }

    private static DecoderShape shapeOf(int hidden, int ffn, int heads, int kvHeads, int vocabulary) {
        return new DecoderShape(hidden, ffn, heads, new KvFormat(Element.F16, Element.F16, kvHeads, 128), vocabulary, 256,
                (n, k) -> MatrixType.quantized(n, k, 4, 128, false));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void bucketsCoverAllNumbersOfRows(DecoderShape shape) {
        CudaProgram program = shape.program();
        for (CudaStage stage : program.stages()) {
            List<Integer> sizes = stage.buckets().stream().map(RowBucket::rows).toList();
            assertEquals(sizes.stream().sorted().distinct().toList(), sizes);
            assertEquals(shape.maxRows(), sizes.get(sizes.size() - 1));
            for (RowBucket bucket : stage.buckets()) {
                for (KernelLaunch launch : bucket.launches()) {
                    assertTrue(program.kernelNames().contains(launch.kernel()));
                    assertTrue(launch.grid().get(1) <= 65535 && launch.grid().get(2) <= 65535, launch.toString());
                }
            }
        }
    }
}
