package dev.catena.artifact;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A whole little artifact with two stages, for tests that only care that it is valid. */
final class SmallArtifact {
    static final byte[] WEIGHTS = random(5000, 1);

    private SmallArtifact() {}

    static Path write(Path target) {
        try (ArtifactWriter writer = ArtifactWriter.create(target)) {
            entries(writer);
            writer.commit(manifest());
        }
        return target;
    }

    static void entries(ArtifactWriter writer) {
        writer.entry("ir/00-import.cir", "module @m {}\n".getBytes());
        writer.entry("code/cpu:x86-64-v3/model.so", random(700, 2));
        writer.entry("weights/embed/table", out -> {
            for (int at = 0; at < WEIGHTS.length; at += 77) {
                out.write(ByteBuffer.wrap(WEIGHTS, at, Math.min(77, WEIGHTS.length - at)));
            }
        });
        writer.entry("weights/head/empty", new byte[0]);
        writer.entry("tokenizer.json", "{}".getBytes());
    }

    static Manifest manifest() {
        Map<String, Manifest.Code> code = Map.of("cpu:x86-64-v3", new Manifest.Code("stage_a", 4096, 64));
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("wbits", "4");
        settings.put("group-size", "128");
        return new Manifest(Manifest.FORMAT, "0.1.0",
                new Manifest.Model("small", 50, 25, 0, 128, 1, List.of(2), true), settings,
                List.of(Manifest.Target.ofCpu("cpu:x86-64-v3", List.of("avx2"), "code/cpu:x86-64-v3/model.so")),
                List.of(new Manifest.Stage("embed", "embed", new Manifest.Port("tokens", 1), new Manifest.Port("rows", 25), null,
                                code, List.of(new Manifest.Weight("table", "weights/embed/table", 5000, "f32", "rows"))),
                        new Manifest.Stage("head", "head", new Manifest.Port("rows", 25), new Manifest.Port("selected", 50),
                                null, code, List.of(new Manifest.Weight("none", "weights/head/empty", 0, "f32", "rows")))),
                new Manifest.Memory(64, 5000, 0, 4096, 5000), Map.of("nn.linear", 1), Map.of());
    }

    private static byte[] random(int length, int seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
