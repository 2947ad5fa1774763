package dev.catena.codegen.cpu;

import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import java.util.List;

/**
 * What linear layers multiply in where nobody chose: f32, but in AMX's tiles two digits for codes, whole numbers of 15 bits and a
 * sign beside the largest of 128 columns. A third digit would cost half as much again for what no perplexity shows: one of these is
 * off by at most 2^-16 of that largest value, where f16 would be off by 2^-12 of its own.
 */
public final class DefaultActivations {
    private DefaultActivations() {}

    /** Whether codes meet 16 bits on a target. */
    public static boolean are16BitsOn(CpuTarget target) {
        return target.hasTiles();
    }

    /** The stages' launches, which say f32, as they are for a target. */
    public static List<List<Launch>> of(List<List<Launch>> stages, CpuTarget target) {
        return are16BitsOn(target)
                ? stages.stream().map(launches -> launches.stream().map(DefaultActivations::with16Bits).toList()).toList()
                : stages;
    }

    private static Launch with16Bits(Launch launch) {
        return launch instanceof LinearLaunch linear && linear.type().element().quantized() && linear.activations() == Activations.F32
                ? new LinearLaunch(linear.rows(), linear.x(), linear.y(), linear.type(), linear.weight(), linear.bias(),
                        linear.residual(), Activations.BF16)
                : launch;
    }
}
