package dev.catena.runtime.cuda;

import dev.catena.runtime.gpu.GpuFacts;
import java.util.List;
import java.util.Optional;

/** The architectures that {@code catena compile --target} knows ({@code CudaTarget}), so that a message can name the one that fits a GPU. */
final class CudaArchitectures {
    /** By compute capability, ten times the major number plus the minor one; older ones first. */
    static final List<Integer> COMPILED = List.of(75, 80, 86, 89, 90, 100, 120);

    private CudaArchitectures() {}

    static boolean isTooOld(int capability) {
        return capability < COMPILED.get(0);
    }

    /** That there is no code for so old a GPU, and what to do. */
    static String tooOld(GpuFacts gpu) {
        return gpu.description() + " has compute capability " + gpu.capability() / 10 + "." + gpu.capability() % 10
                + ", Catena's code needs 7.5 (Turing) or later; use another GPU, or --device cpu:0";
    }

    /** The target whose machine code is nearest to what this GPU has: of its major version, and no higher minor one. Empty for generations to come. */
    static Optional<String> target(int capability) {
        return COMPILED.stream().filter(c -> c / 10 == capability / 10 && c <= capability).reduce((before, last) -> last).map(c -> "sm_" + c);
    }
}
