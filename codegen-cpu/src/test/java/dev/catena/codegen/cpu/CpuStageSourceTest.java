package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class CpuStageSourceTest {
    private static final View INPUT = View.of(new Buffer.StageInput(), 64);
    private static final View NORMED = View.of(new Buffer.Arena(0, 4 * 64), 64);

    /** Two launches may be the same to the letter; what each asks for ahead is what comes after itself. */
    @Test
    void anEqualLaunchAsksForTheWeightsThatComeNext() {
        RmsNormLaunch norm = new RmsNormLaunch(RowCount.STEP, INPUT, NORMED, new Buffer.Weight(0), 1e-6f);
        String function = CpuStageSource.of(List.of(norm, linear(1), norm, linear(2)), CpuTarget.parse("cpu:x86-64-v4")).function();
        List<String> asked = Pattern.compile("ask_for_weights\\(thread, .*weights\\[(\\d+)\\]").matcher(function).results()
                .map(match -> match.group(1)).toList();
        assertEquals(List.of("1", "2"), asked, function);
    }

    private static LinearLaunch linear(int weight) {
        return new LinearLaunch(RowCount.STEP, NORMED, View.of(new Buffer.StageOutput(), 32), MatrixType.f32(32, 64), new Buffer.Weight(weight),
                Optional.empty(), Optional.empty(), Activations.F32);
    }
}
