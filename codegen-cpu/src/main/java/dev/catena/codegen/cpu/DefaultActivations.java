package dev.catena.codegen.cpu;

import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import java.util.List;

/**
 * What linear layers multiply in on a CPU where nobody chose: f32, but codes meet two digits, whole numbers of 15 bits and a sign
 * beside the largest of 128 columns. A third digit would cost half as much again for what no perplexity shows: one of these is
 * off by at most 2^-16 of that largest value, where f16 would be off by 2^-12 of its own.
 */
public final class DefaultActivations {
    private DefaultActivations() {}

    /** The stages' launches, which say f32, with what their linear layers multiply in. */
    public static List<List<Launch>> of(List<List<Launch>> stages) {
        return stages.stream().map(launches -> launches.stream().map(DefaultActivations::with16Bits).toList()).toList();
    }

    private static Launch with16Bits(Launch launch) {
        return launch instanceof LinearLaunch linear && linear.type().element().quantized() && linear.activations() == Activations.F32
                ? new LinearLaunch(linear.rows(), linear.x(), linear.y(), linear.type(), linear.weight(), linear.bias(),
                        linear.residual(), Activations.BF16)
                : launch;
    }
}
