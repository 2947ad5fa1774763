package dev.catena.codegen.cuda;

import dev.catena.codegen.CompiledCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Kernels compiled for one architecture.
 *
 * @param cubin machine code
 * @param kernels what each kernel needs, in the order of the source
 */
public record CudaLibrary(CudaTarget target, byte[] cubin, List<KernelFacts> kernels) {
    /** The name that messages and source lines call the source. */
    private static final String SOURCE_NAME = "model.cu";

    /** @throws CompileError if NVRTC refuses, which is a bug of the generator */
    public static CudaLibrary compile(CudaSource source, CudaTarget target, NvrtcCompiler compiler) throws IOException {
        CompiledCode compiled = compiler.cubin(SOURCE_NAME, source, target);
        Map<String, KernelFacts> facts = KernelFacts.of(compiled.log());
        List<KernelFacts> inOrder = source.kernelNames().stream().map(name -> {
            if (!facts.containsKey(name)) {
                throw new CompileError("ptxas says nothing of " + name + ":\n" + compiled.log());
            }
            return facts.get(name);
        }).toList();
        return new CudaLibrary(target, compiled.code(), inOrder);
    }

    /** Likewise, of a language model. */
    public static CudaLibrary compile(CudaProgram program, CudaTarget target, NvrtcCompiler compiler) throws IOException {
        return compile(program.code(), target, compiler);
    }

    /**
     * The kernels as PTX that older drivers take too, with the source's lines for {@code sim}.
     *
     * @param family such as {@code compute_80} ({@link CudaTarget#ptxFamily()})
     */
    public static byte[] ptx(CudaSource source, String family, NvrtcCompiler compiler) throws IOException {
        String ptx = new String(compiler.ptx(SOURCE_NAME, source, family, true).code(), StandardCharsets.UTF_8);
        return PtxVersion.lowered(ptx, family).getBytes(StandardCharsets.UTF_8);
    }
}
