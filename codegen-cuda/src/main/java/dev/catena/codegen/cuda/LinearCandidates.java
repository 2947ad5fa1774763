package dev.catena.codegen.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A linear layer's kernel made in several ways, as one module.
 *
 * @param candidates in the order in which they were asked for, those left out that spill registers
 * @param cubin      for the target
 * @param ptx        the same kernels for its family
 */
public record LinearCandidates(LinearCase of, List<Candidate> candidates, byte[] cubin, byte[] ptx) {
    /** @param launches that compute the case */
    public record Candidate(LinearConfiguration configuration, List<KernelLaunch> launches) {}

    /** @throws CompileError if NVRTC refuses, which is a bug of the generator */
    public static LinearCandidates compile(LinearCase of, List<LinearConfiguration> configurations, CudaTarget target, NvrtcCompiler compiler)
            throws IOException {
        KernelSet kernels = new KernelSet(TunedKernels.none());
        List<Candidate> all = new ArrayList<>();
        for (LinearConfiguration configuration : configurations) {
            all.add(new Candidate(configuration, of.launches(configuration, kernels)));
        }
        CompiledCode code = compiler.cubin("tune.cu", kernels.source(), target);
        Map<String, KernelFacts> facts = KernelFacts.of(code.log());
        List<Candidate> kept = all.stream().filter(candidate -> candidate.launches().stream()
                .allMatch(launch -> facts.get(launch.kernel()).spillBytes() == 0)).toList();
        String ptx = new String(compiler.ptx("tune.cu", kernels.source(), target.ptxFamily(), false).code(), StandardCharsets.UTF_8);
        return new LinearCandidates(of, kept.isEmpty() ? all : kept, code.code(), PtxVersion.lowered(ptx).getBytes(StandardCharsets.UTF_8));
    }
}
