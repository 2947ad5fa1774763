package dev.catena.codegen.cuda;

import dev.catena.codegen.CompiledCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A linear layer's kernel made in several ways, in one source.
 *
 * @param candidates in the order in which they were asked for
 * @param needsHopper whether one has instructions that came with sm_90
 */
public record LinearCandidates(LinearCase of, List<Candidate> candidates, CudaSource source, boolean needsHopper) {
    private static final String SOURCE_NAME = "tune.cu";

    /** @param launches that compute the case */
    public record Candidate(LinearConfiguration configuration, List<KernelLaunch> launches) {}

    /**
     * Compiled for a target.
     *
     * @param candidates those that spill no registers, if there are such
     * @param facts      of their kernels, by name
     */
    public record Compiled(LinearCase of, List<Candidate> candidates, byte[] cubin, Map<String, KernelFacts> facts) {}

    public static LinearCandidates of(LinearCase of, List<LinearConfiguration> configurations) {
        KernelSet kernels = new KernelSet(TunedKernels.none());
        List<Candidate> candidates = new ArrayList<>();
        for (LinearConfiguration configuration : configurations) {
            candidates.add(new Candidate(configuration, of.launches(configuration, kernels)));
        }
        return new LinearCandidates(of, candidates, new CudaSource(kernels.source(), kernels.names(), List.of()), kernels.needsHopper());
    }

    /** @throws CompileError if NVRTC refuses, which is a bug of the generator */
    public Compiled compile(CudaTarget target, NvrtcCompiler compiler) throws IOException {
        CompiledCode code = compiler.cubin(SOURCE_NAME, source, target);
        Map<String, KernelFacts> facts = KernelFacts.of(code.log());
        List<Candidate> fitting = candidates.stream().filter(candidate -> candidate.launches().stream()
                .allMatch(launch -> facts.get(launch.kernel()).spillBytes() == 0)).toList();
        return new Compiled(of, fitting.isEmpty() ? candidates : fitting, code.code(), facts);
    }

    /** The kernels as PTX of the target's family. @throws CompileError as {@link #compile} */
    public byte[] ptx(CudaTarget target, NvrtcCompiler compiler) throws IOException {
        String family = needsHopper ? target.newestPtxFamily() : target.ptxFamily();
        String ptx = new String(compiler.ptx(SOURCE_NAME, source, family, false).code(), StandardCharsets.UTF_8);
        return PtxVersion.lowered(ptx, family).getBytes(StandardCharsets.UTF_8);
    }
}
