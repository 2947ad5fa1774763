package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DefaultActivationsTest {
    @Test
    void onlyCodesMeetSixteenBits() {
        List<List<Launch>> stages = List.of(List.of(launch(MatrixType.quantized(16, 128, 4, 128, true)), launch(MatrixType.f16(16, 128))));
        List<Activations> chosen = DefaultActivations.of(stages).get(0).stream().map(launch -> ((LinearLaunch) launch).activations()).toList();
        assertEquals(List.of(Activations.BF16, Activations.F32), chosen);
    }

    private static LinearLaunch launch(MatrixType type) {
        return new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), type.columns()),
                View.of(new Buffer.StageOutput(), type.rows()), type, new Buffer.Weight(0), Optional.empty(), Optional.empty(),
                Activations.F32);
    }
}
