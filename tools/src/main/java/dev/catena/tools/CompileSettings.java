package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.TunedKernels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The effective settings of one compilation, defaults filled in.
 *
 * @param input      a folder of pieces or one ONNX file
 * @param output     the artifact to write
 * @param tied       an embedding table that is the head's matrix, too, takes the head's bits: nobody asked for others
 * @param activations what linear layers multiply in, or empty: what each target does by default
 * @param maxSeqLen  positions, or 0: as many as the model has
 * @param pipeline   a pipeline in place of the default one, or empty
 * @param maxRows    the most rows of a step
 * @param watching   how the passes are watched and checked
 * @param tuned      what kernels were tuned to, for each GPU target
 * @param card       that GPU code is for, as its driver names it
 * @param experimental whether GPU code may do what no GPU has run yet
 */
public record CompileSettings(Path input, Path output, List<Target> targets, int weightBits, int groupSize,
    boolean symmetric, int embedBits, int headBits, boolean tied, int keyBits, int valueBits, Optional<Activations> activations,
    Optional<Path> tokenizer, int maxSeqLen, Optional<String> pipeline, PipelineOptions watching, int maxRows,
    Quantization quantization, Map<Target, TunedKernels> tuned, Optional<String> card, boolean experimental) {
  /** The artifact's setting that stands where GPU code does what no GPU has run yet. */
  static final String EXPERIMENTAL = "experimental";
  private static final String ACTIVATIONS = "activations";

  /** What linear layers multiply in. */
  public enum Activations {
    F32, BF16, INT8;

    String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    LinearLaunch.Activations ofLaunches() {
      return switch (this) {
        case F32 -> LinearLaunch.Activations.F32;
        case BF16 -> LinearLaunch.Activations.BF16;
        case INT8 -> LinearLaunch.Activations.INT8;
      };
    }

    /** Those that an artifact with these settings was asked for, or empty: what each target does by default. */
    static Optional<Activations> chosenIn(Map<String, String> settings) {
      return Arrays.stream(values()).filter(each -> each.text().equals(settings.get(ACTIVATIONS))).findFirst();
    }
  }

  /** Whether there is only a model's shape, without weights. */
  boolean fromShape() {
    return ModelShape.isOne(input);
  }

  /** What {@link dev.catena.codegen.DefaultActivations} does for these targets. */
  private String defaultActivations() {
    List<String> chosen = new ArrayList<>(List.of("f32"));
    String cpus = names(CpuTarget.class);
    if (!cpus.isEmpty() && (weightBits < 16 || headBits < 16)) {
      chosen.add("bf16 for quantized matrices on " + cpus);
    }
    String gpus = names(CudaTarget.class);
    if (!gpus.isEmpty()) {      // whatever --wbits says: a matrix may come in 16 bits and less
      chosen.add("f16 for matrices of 16 bits and less on " + gpus);
    }
    return String.join(", ", chosen);
  }

  private String names(Class<? extends Target> kind) {
    return targets.stream().filter(kind::isInstance).map(Target::name).collect(Collectors.joining(" and "));
  }

  /** Name to value as printed and as the artifact records them; no paths. {@code positions} and bits of the embedding are the effective ones. */
  public Map<String, String> described(int positions, int embedBits) {
    Map<String, String> s = new LinkedHashMap<>();
    s.put("target", String.join(",", targets.stream().map(Target::name).toList()));
    s.put("wbits", Integer.toString(weightBits));
    boolean quantizes = weightBits < 16 || headBits < 16 || embedBits < 16;
    s.put("group_size", quantizes ? groupSize == 0 ? "row" : Integer.toString(groupSize) : "none");
    s.put("symmetric", Boolean.toString(symmetric));
    s.put("embed_bits", Integer.toString(embedBits));
    s.put("head_bits", Integer.toString(headBits));
    s.put("kv_bits", keyBits == valueBits ? Integer.toString(keyBits) : keyBits + "," + valueBits);
    s.put(ACTIVATIONS, activations.map(Activations::text).orElseGet(this::defaultActivations));
    quantization.describe(s, quantizes);
    s.put("max_seq_len", Integer.toString(positions));
    s.put("step_rows", Integer.toString(maxRows));
    if (experimental) {
      s.put(EXPERIMENTAL, "true");
    }
    tuned.forEach((target, table) -> s.put("tuned_" + target.name(), table.name()));
    if (fromShape()) {
      s.put(Manifest.WEIGHTS_SETTING, Manifest.SAMPLED_WEIGHTS);
    }
    return s;
  }
}
