package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights that are samples to be repeated are for artifacts that say so and for GPUs; all others must have theirs whole. */
class SampledWeightsTest {
    private static final String TARGET = "sm_90";

    @TempDir
    Path folder;

    /** A stage for a GPU with one weight. @param sampled whether the settings say so */
    private static Manifest manifest(boolean sampled, String target, Manifest.Weight weight) {
        Map<String, String> settings = new LinkedHashMap<>();
        if (sampled) {
            settings.put("weights", "samples");
        }
        boolean gpu = target.startsWith("sm");
        KernelProgram program = new KernelProgram(List.of(new KernelProgram.Bucket(64, List.of())));
        Manifest.Target of = gpu ? new Manifest.Target(target, List.of(), "code/x", 0, null, Map.of("stage_a", program), List.of())
                : Manifest.Target.ofCpu(target, List.of(), "code/x");
        return new Manifest(Manifest.FORMAT, "0.1.0", new Manifest.Model("small", 50, 25, 0, 128, null, List.of(), false), settings, List.of(of),
                List.of(new Manifest.Stage("all", "head", new Manifest.Port("tokens", 1), new Manifest.Port("selected", 50), null,
                        Map.of(target, new Manifest.Code("stage_a", 4096, 64)), List.of(weight))),
                new Manifest.Memory(64, weight.bytes(), 0, 4096, weight.bytes()), Map.of(), Map.of());
    }

    private Manifest written(boolean sampled, String target, Manifest.Weight weight) {
        Path file = folder.resolve("a.catena");
        try (ArtifactWriter writer = ArtifactWriter.create(file)) {
            writer.entry("code/x", new byte[10]);
            writer.entry("weights/s", new byte[100]);
            writer.commit(manifest(sampled, target, weight));
        }
        try (ArtifactReader reader = ArtifactReader.open(file)) {
            return reader.manifest();
        }
    }

    private void refused(String why, boolean sampled, String target, String entry, long bytes) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> written(sampled, target, new Manifest.Weight("w", entry, bytes, "f32", "rows")));
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }

    @Test
    void aWeightMayBeASampleRepeated() {
        Manifest.Weight weight = written(true, TARGET, new Manifest.Weight("w", "weights/s@weights/all/w", 123_456, "f32", "rows"))
                .stages().get(0).weights().get(0);
        assertEquals("weights/s", weight.sample());
        assertEquals(123_456, weight.bytes());
    }

    @Test
    void aModelsWeightsAreWhole() {
        refused("names the missing entry 'weights/s@weights/all/w'", false, TARGET, "weights/s@weights/all/w", 123_456);
        refused("names the missing entry 'weights/gone'", true, TARGET, "weights/gone", 100);
        refused("has 200 bytes, its entry 100", true, TARGET, "weights/s", 200);
    }

    @Test
    void whatSamplesCannotBe() {
        refused("repeats the missing entry 'weights/gone'", true, TARGET, "weights/gone@w", 100);
        refused("its sample 100", true, TARGET, "weights/s@w", 99);
        refused("lies outside weights/", true, TARGET, "code/x@w", 100);
        refused("more than any GPU", true, TARGET, "weights/s@w", 1L << 38);
        refused("only GPUs' code reads", true, "cpu:x86-64-v3", "weights/s@w", 1000);
    }
}
