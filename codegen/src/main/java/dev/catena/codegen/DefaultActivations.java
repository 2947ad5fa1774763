package dev.catena.codegen;

import dev.catena.codegen.LinearLaunch.Activations;
import java.util.List;
import java.util.function.Predicate;

/**
 * What linear layers multiply in where nobody chose: f32, less where that is not what a target's matrix units multiply and no perplexity
 * shows it.
 */
public final class DefaultActivations {
    private DefaultActivations() {}

    /**
     * A CPU's codes meet two digits, whole numbers of 15 bits and a sign beside the largest of 128 columns. A third digit would cost half
     * as much again; one of these is off by at most 2^-16 of that largest value, where f16 would be off by 2^-11 of its own. Matrices of
     * 16 bits stay with f32, in which a CPU without matrix units multiplies anyway.
     */
    public static List<List<Launch>> onCpu(List<List<Launch>> stages) {
        return changed(stages, type -> type.element().quantized());
    }

    /**
     * A GPU's tensor cores multiply halves: an element of x is one of them, of 11 bits, scaled by its row's largest. Two would be 22 bits for
     * twice the products, so that a prompt would take at most half of what the card can do. Matrices of f32 stay with f32.
     */
    public static List<List<Launch>> onGpu(List<List<Launch>> stages) {
        return changed(stages, type -> type.element() != MatrixType.Element.F32);
    }

    private static List<List<Launch>> changed(List<List<Launch>> stages, Predicate<MatrixType> meets) {
        return stages.stream().map(launches -> launches.stream().map(launch -> changed(launch, meets)).toList()).toList();
    }

    private static Launch changed(Launch launch, Predicate<MatrixType> meets) {
        return launch instanceof LinearLaunch linear && linear.activations() == Activations.F32 && meets.test(linear.type())
                ? new LinearLaunch(linear.rows(), linear.x(), linear.y(), linear.type(), linear.weight(), linear.bias(),
                        linear.residual(), Activations.BF16)
                : launch;
    }
}
