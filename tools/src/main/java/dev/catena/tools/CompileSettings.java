package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.TunedKernels;
import java.nio.file.Path;
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

  /** What linear layers multiply in. */
  public enum Activations { F32, BF16, INT8 }

  /** Whether there is only a model's shape, without weights. */
  boolean fromShape() {
    return ModelShape.isOne(input);
  }

  private String defaultActivations() {
    String cpus = targets.stream().filter(CpuTarget.class::isInstance).map(Target::name).collect(Collectors.joining(" and "));
    return cpus.isEmpty() || weightBits >= 16 && headBits >= 16 ? "f32" : "f32, bf16 for quantized matrices on " + cpus;
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
    s.put("activations", activations.map(chosen -> chosen.name().toLowerCase(Locale.ROOT)).orElseGet(this::defaultActivations));
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
