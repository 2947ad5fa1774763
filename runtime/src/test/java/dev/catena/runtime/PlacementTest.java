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
