package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PlacementTest {
    private static List<Integer> sizes(int devices, long... weightBytes) {
        List<Manifest.Stage> stages = new ArrayList<>();
        for (int i = 0; i < weightBytes.length; i++) {
            Manifest.Port rows = new Manifest.Port("rows", 8);
            stages.add(new Manifest.Stage("s" + i, "decoder", rows, rows, null, Map.of(),
                    List.of(new Manifest.Weight("w", "weights/w", weightBytes[i], "f32", "rows"))));
        }
        List<List<Manifest.Stage>> placed = Placement.split(stages, devices);
        List<Manifest.Stage> joined = new ArrayList<>();
        placed.forEach(joined::addAll);
        assertEquals(stages, joined);
        return placed.stream().map(List::size).toList();
    }

    @Test
    void partsHaveAboutEqualWeights() {
        assertEquals(List.of(4), sizes(1, 1, 1, 1, 1));
        assertEquals(List.of(2, 2), sizes(2, 1, 1, 1, 1));
        assertEquals(List.of(1, 3), sizes(2, 10, 3, 3, 3));
        assertEquals(List.of(3, 1), sizes(2, 3, 3, 3, 10));
        assertEquals(List.of(2, 2, 2), sizes(3, 5, 5, 5, 5, 5, 5));
    }

    @Test
    void noPartIsEmptyUnlessThereAreTooFewStages() {
        assertEquals(List.of(1, 1, 1), sizes(3, 0, 0, 1000));
        assertEquals(List.of(1, 1, 2), sizes(3, 1000, 0, 0, 0));
        assertEquals(List.of(1, 1), sizes(5, 1, 1));
        assertEquals(List.of(2, 1), sizes(2, 0, 0, 0));
    }

    /** Twice as fast, twice as much; what a table holds is not read. */
    @Test
    void fasterDevicesGetMore() {
        Manifest.Port rows = new Manifest.Port("rows", 8);
        List<Manifest.Stage> stages = new ArrayList<>();
        for (int i = 0; i < 31; i++) {
            stages.add(new Manifest.Stage("s" + i, i == 0 ? "embed" : "decoder", rows, rows, null, Map.of(),
                    List.of(new Manifest.Weight("w", "weights/w", i == 0 ? 5000 : 100, "f32", "rows"))));
        }
        assertEquals(List.of(16, 15), placed(stages, 1.0, 1.0));
        assertEquals(List.of(21, 10), placed(stages, 2e12, 1e12));
        assertEquals(List.of(11, 20), placed(stages, 1e12, 2e12));
        assertEquals(List.of(6, 15, 10), placed(stages, 1.0, 3.0, 2.0));
        assertEquals(List.of(1, 30), placed(stages, 1e-9, 1.0), "every device gets a stage");
    }

    private static List<Integer> placed(List<Manifest.Stage> stages, Double... speeds) {
        return Placement.bySpeed(stages, List.of(speeds)).stream().map(List::size).toList();
    }

    @Test
    void layersArePlacedAsTheyAreCounted() {
        Manifest.Port rows = new Manifest.Port("rows", 8);
        List<Manifest.Stage> stages = new ArrayList<>();
        for (String role : List.of("embed", "decoder", "decoder", "decoder", "norm", "head")) {
            stages.add(new Manifest.Stage(role + stages.size(), role, rows, rows, null, Map.of(), List.of()));
        }
        assertEquals(List.of(2, 4), Placement.byLayers(stages, 2, List.of(1, 2)).stream().map(List::size).toList());
        assertEquals(List.of(6), Placement.byLayers(stages, 1, List.of(3)).stream().map(List::size).toList());
        for (List<Integer> wrong : List.of(List.of(1, 1), List.of(3), List.of(3, 0), List.of(4, -1), List.of(1, 1, 1))) {
            assertThrows(DeviceException.class, () -> Placement.byLayers(stages, 2, wrong), wrong.toString());
        }
    }
}
