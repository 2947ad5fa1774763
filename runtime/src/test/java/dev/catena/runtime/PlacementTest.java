package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
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

    /** Against every way there is to cut: none has a device that takes longest for less. */
    @Test
    void theSlowestDeviceTakesAsLittleAsCanBe() {
        Random random = new Random(5);
        for (int round = 0; round < 200; round++) {
            int stages = 1 + random.nextInt(9);
            List<List<Double>> costs = new ArrayList<>();
            for (int device = 1 + random.nextInt(4); device > 0; device--) {
                double slowness = 1 + random.nextInt(5);
                costs.add(random.doubles(stages).map(cost -> cost * slowness).boxed().toList());
            }
            List<Manifest.Stage> all = stages(stages);
            List<List<Manifest.Stage>> placed = Placement.byCosts(all, costs);
            List<Manifest.Stage> joined = new ArrayList<>();
            placed.forEach(joined::addAll);
            assertEquals(all, joined);
            assertEquals(Math.min(stages, costs.size()), placed.size());
            double slowest = 0;
            int next = 0;
            for (int i = 0; i < placed.size(); i++) {
                double own = 0;
                for (int end = next + placed.get(i).size(); next < end; next++) {
                    own += costs.get(i).get(next);
                }
                assertTrue(!placed.get(i).isEmpty());
                slowest = Math.max(slowest, own);
            }
            assertEquals(least(costs, placed.size(), 0, 0), slowest, 1e-12, costs.toString());
        }
    }

    /** The least that the slowest of the devices from {@code device} on takes for the stages from {@code first} on, each for one at least. */
    private static double least(List<List<Double>> costs, int devices, int device, int first) {
        int stages = costs.get(0).size();
        double best = device == devices && first == stages ? 0 : Double.POSITIVE_INFINITY;
        double own = 0;
        for (int end = first + 1; device < devices && end <= stages; end++) {
            own += costs.get(device).get(end - 1);
            best = Math.min(best, Math.max(own, least(costs, devices, device + 1, end)));
        }
        return best;
    }

    private static List<Manifest.Stage> stages(int count) {
        Manifest.Port rows = new Manifest.Port("rows", 8);
        List<Manifest.Stage> stages = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            stages.add(new Manifest.Stage("s" + i, "decoder", rows, rows, null, Map.of(), List.of()));
        }
        return stages;
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
