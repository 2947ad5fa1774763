package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.CompiledCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NvrtcCompilerTest {
    private static final String DOUBLE_ALL = """
            extern "C" __global__ void double_all(float *x) { x[threadIdx.x] *= 2; }
            """;

    private final Map<String, byte[]> files = new HashMap<>();
    private int written;

    private final CodeStore store = new CodeStore(new CodeStore.Files() {
        @Override
        public Optional<byte[]> read(String name) {
            return Optional.ofNullable(files.get(name));
        }

        @Override
        public void write(String name, byte[] bytes) {
            files.put(name, bytes);
            written++;
        }
    });

    private static CudaSource source(String text) {
        return new CudaSource(text, List.of(), List.of());
    }

    private CompiledCode cubin(String source) throws IOException {
        return new NvrtcCompiler(store).cubin("model.cu", source(source), CudaTarget.parse("sm_86"));
    }

    @Test
    void everyTargetGivesMachineCodeOnAMachineWithoutAGpu() throws IOException {
        for (CudaTarget target : CudaTarget.known()) {
            CompiledCode compiled = new NvrtcCompiler(CodeStore.none()).cubin("model.cu", source(DOUBLE_ALL), target);
            assertEquals("\u007fELF", new String(compiled.code(), 0, 4, StandardCharsets.ISO_8859_1));
            assertTrue(compiled.log().contains("registers"), compiled.log());
        }
    }

    @Test
    void ptxIsTextWithSourceLinesWhereAskedFor() throws IOException {
        NvrtcCompiler compiler = new NvrtcCompiler(store);
        String with = new String(compiler.ptx("model.cu", source(DOUBLE_ALL), "compute_80", true).code(), StandardCharsets.UTF_8);
        String without = new String(compiler.ptx("model.cu", source(DOUBLE_ALL), "compute_80", false).code(), StandardCharsets.UTF_8);
        assertTrue(with.contains(".entry double_all") && with.contains(".loc") && with.contains("model.cu"), with);
        assertTrue(without.contains(".entry double_all") && !without.contains(".loc"), without);
    }

    @Test
    void anErrorShowsTheLine() {
        String wrong = "extern \"C\" __global__ void f(float *x) {\n  x[0] = no_such_name;\n}\n";
        CompileError error = assertThrows(CompileError.class, () -> cubin(wrong));
        assertTrue(error.getMessage().contains("model.cu(2)") && error.getMessage().contains("2:   x[0] = no_such_name;"),
                error.getMessage());
        assertTrue(error.firstLine().startsWith("model.cu(2): error:"), error.firstLine());
    }

    @Test
    void theSameSourceGivesTheSameBytes() throws IOException {
        NvrtcCompiler compiler = new NvrtcCompiler(CodeStore.none());
        CudaTarget target = CudaTarget.parse("sm_90");
        assertArrayEquals(compiler.cubin("model.cu", source(DOUBLE_ALL), target).code(),
                compiler.cubin("model.cu", source(DOUBLE_ALL), target).code());
        assertArrayEquals(compiler.ptx("model.cu", source(DOUBLE_ALL), "compute_75", true).code(),
                compiler.ptx("model.cu", source(DOUBLE_ALL), "compute_75", true).code());
    }

    @Test
    void aProcessOfItsOwnGivesTheSame() throws IOException {
        NvrtcCompiler here = new NvrtcCompiler(CodeStore.none());
        NvrtcCompiler there = NvrtcCompiler.inProcesses(CodeStore.none());
        CudaTarget target = CudaTarget.parse("sm_80");
        assertArrayEquals(here.cubin("model.cu", source(DOUBLE_ALL), target).code(), there.cubin("model.cu", source(DOUBLE_ALL), target).code());
        assertArrayEquals(here.ptx("model.cu", source(DOUBLE_ALL), "compute_75", true).code(),
                there.ptx("model.cu", source(DOUBLE_ALL), "compute_75", true).code());
        CompileError error = assertThrows(CompileError.class, () -> there.cubin("model.cu", source("nothing of C"), target));
        assertTrue(error.firstLine().startsWith("model.cu(1): error:"), error.firstLine());
    }

    @Test
    void codeIsCompiledOnce() throws IOException {
        CompiledCode first = cubin(DOUBLE_ALL);
        CompiledCode second = cubin(DOUBLE_ALL);
        assertArrayEquals(first.code(), second.code());
        assertEquals(first.log(), second.log());
        assertEquals(1, written);
        cubin(DOUBLE_ALL.replace("2", "3"));
        assertEquals(2, written);
    }

    @Test
    void aDamagedFileIsCompiledAgain() throws IOException {
        CompiledCode first = cubin(DOUBLE_ALL);
        String name = files.keySet().iterator().next();
        byte[] good = files.get(name);
        int writtenBefore = written;
        for (int at : new int[] {0, 33, good.length / 2, good.length - 1}) {
            byte[] bad = good.clone();
            bad[at] ^= 1;
            files.put(name, bad);
            assertArrayEquals(first.code(), cubin(DOUBLE_ALL).code());
            assertEquals(++writtenBefore, written, "byte " + at);
        }
        files.put(name, Arrays.copyOf(good, 20));
        assertArrayEquals(first.code(), cubin(DOUBLE_ALL).code());
        assertEquals(++writtenBefore, written);
    }

    /** Who asked for code was interrupted: the process ends without a word on the terminal that both share. */
    @Test
    void aProcessWhoseStarterIsGoneEndsSilently() throws Exception {
        Process process = new ProcessBuilder(ProcessHandle.current().info().command().orElse("java"), "-cp", System.getProperty("java.class.path"),
                NvrtcProcess.class.getName()).start();
        process.getOutputStream().close();
        assertEquals("", new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
        assertEquals(1, process.waitFor());
    }
}
