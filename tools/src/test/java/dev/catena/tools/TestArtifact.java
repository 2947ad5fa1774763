package dev.catena.tools;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.Manifest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** An artifact that is valid to look into, with three alike decoders; there is no code in it that could run. */
final class TestArtifact {
  static final String TARGET = "cpu:x86-64-v3";
  static final String LAST_MODULE = "module @small after plan\n";
  static final String SOURCE = "void stage_d(void) {}\n";

  private TestArtifact() {}

  static Path write(Path file) {
    try (ArtifactWriter writer = ArtifactWriter.create(file)) {
      writer.entry("ir/00-import.cir", "module @small imported\n".getBytes(StandardCharsets.UTF_8));
      writer.entry("ir/01-plan.cir", LAST_MODULE.getBytes(StandardCharsets.UTF_8));
      writer.entry("code/" + TARGET + "/model.so", new byte[100]);
      writer.entry("code/" + TARGET + "/model.c", SOURCE.getBytes(StandardCharsets.UTF_8));
      List<Manifest.Stage> stages = new ArrayList<>();
      stages.add(stage(writer, "embed", "embed", "tokens", 1, "stage_e"));
      for (int i = 0; i < 3; i++) {
        stages.add(stage(writer, "decoder_" + i, "decoder", "rows", 16, "stage_d"));
      }
      stages.add(stage(writer, "head", "head", "rows", 16, "stage_h"));
      writer.commit(new Manifest(Manifest.FORMAT, "0.1.0",
          new Manifest.Model("small", 16, 16, 3, 100, null, List.of(2), false), Map.of("wbits", "32"),
          List.of(new Manifest.Target(TARGET, List.of("avx2"), "code/" + TARGET + "/model.so", 0)), stages,
          new Manifest.Memory(64, 320, 384, 4096, 192), Map.of("nn.linear", 3, "nn.embedding", 1), Map.of()));
    }
    return file;
  }

  private static Manifest.Stage stage(ArtifactWriter writer, String name, String role, String inputKind, int inputWidth,
      String symbol) {
    String entry = "weights/" + name + "/w";
    writer.entry(entry, new byte[64]);
    boolean decoder = role.equals("decoder");
    Manifest.Kv kv = decoder ? new Manifest.Kv("f32", "f32", 1, 16, 64, 2 * 64 * 16 * 4) : null;
    return new Manifest.Stage(name, role, new Manifest.Port(inputKind, inputWidth), new Manifest.Port(role.equals("head") ? "selected" : "rows", 16), kv,
        Map.of(TARGET, new Manifest.Code(symbol, 4096, 64)),
        List.of(new Manifest.Weight(name + ".w", entry, 64, "tensor<f32, [1, 16]>", "rows")));
  }
}
