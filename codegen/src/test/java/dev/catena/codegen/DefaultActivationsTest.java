package dev.catena.codegen;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.LinearLaunch.Activations;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DefaultActivationsTest {
    private static final List<List<Launch>> STAGES = List.of(List.of(launch(MatrixType.quantized(16, 128, 4, 128, true)),
            launch(MatrixType.f16(16, 128)), launch(MatrixType.f32(16, 128))));

    @Test
    void onlyCodesMeetSixteenBitsOnCpus() {
        assertEquals(List.of(Activations.BF16, Activations.F32, Activations.F32), activations(DefaultActivations.onCpu(STAGES)));
    }

    @Test
    void onlyFloatsMeetMoreThanAHalfOnGpus() {
        assertEquals(List.of(Activations.BF16, Activations.BF16, Activations.F32), activations(DefaultActivations.onGpu(STAGES)));
    }

    private static List<Activations> activations(List<List<Launch>> stages) {
        return stages.get(0).stream().map(launch -> ((LinearLaunch) launch).activations()).toList();
    }

    private static LinearLaunch launch(MatrixType type) {
        return new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), type.columns()),
                View.of(new Buffer.StageOutput(), type.rows()), type, new Buffer.Weight(0), Optional.empty(), Optional.empty(),
                Activations.F32);
    }
}
