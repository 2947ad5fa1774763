package dev.catena.tools;

import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.passes.DefaultPipeline;
import dev.catena.tools.CompileSettings.Activations;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena compile}: ONNX in, one artifact out. */
@Command(name = "compile", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Compile a model, in pieces or whole, to one artifact.")
final class CompileCommand implements Callable<Integer> {
  private static final Set<Integer> WEIGHT_BITS = Set.of(32, 16, 8, 4, 3, 2);
  private static final int MOST_STEP_ROWS = 8192;

  @Parameters(index = "0", paramLabel = "DIR|FILE.onnx|FILE.shape",
      description = "A folder of pieces, a model in one file, or the sizes of one that is to be measured without weights.")
  private Path input;

  @Option(names = "-o", paramLabel = "FILE", description = "The artifact; default: the input's name with .catena.")
  private Path output;

  @Option(names = "--target", defaultValue = "cpu", split = ",", paramLabel = "T",
      description = "What to generate code for: cpu (this machine), cpu:x86-64-v3, cpu:x86-64-v4, cpu:icelake-server, cpu:znver4, "
          + "cpu:sapphirerapids; sm_75, sm_80, sm_86, sm_89, sm_90, sm_100, sm_120 (NVIDIA GPUs). Default: ${DEFAULT-VALUE}")
  private List<String> targets;

  @Option(names = "--wbits", defaultValue = "4", description = "Bits of weights: 32, 16, 8, 4, 3, 2. Default: ${DEFAULT-VALUE}")
  private int weightBits;

  @Option(names = "--group-size", defaultValue = "128",
      description = "Columns that share a scale, a multiple of 8; 0 or -1 for a whole row. Default: ${DEFAULT-VALUE}")
  private int groupSize;

  @Option(names = "--symmetric", description = "No zero points.")
  private boolean symmetric;

  @Option(names = "--embed-bits", description = "Bits of the embedding table. Default: 16 (32 at --wbits 32);"
      + " those of the head where that is the same matrix, which is then stored once")
  private Integer embedBits;

  @Option(names = "--head-bits", description = "Bits of the head. Default: 8, or --wbits where that is more")
  private Integer headBits;

  @Option(names = "--kv-bits", paramLabel = "N|K,V", description = "Bits of the KV cache: 32, 16, 8, 4. Default: 16 (32 at --wbits 32)")
  private String kvBits;

  @Option(names = "--activations", description = "What linear layers multiply in: f32, bf16, int8. Default: on a CPU f32, but "
      + "bf16 for quantized matrices, which meet whole numbers of 16 bits then; on a GPU f16, but f32 for f32 matrices")
  private Activations activations;

  @Option(names = "--quant", paramLabel = "METHOD", description = "How codes are chosen: rtn (round to nearest), gptq or awq "
      + "(with --calib). Default: rtn")
  private Quantization.Method quant;

  @Option(names = "--scales", paramLabel = "range|search", description = "A group's scale: from its range, or what a search "
      + "finds to make the error smallest. Default: search")
  private String scales;

  @Option(names = "--keep", paramLabel = "NAME=BITS", split = ",",
      description = "Bits of a single matrix, such as decoder-3.down=16; may be repeated.")
  private List<String> keep = List.of();

  @Option(names = "--calib", paramLabel = "FILE", description = "A text that is typical of what the model will read, for gptq and awq.")
  private Path calibration;

  @Option(names = "--calib-samples", paramLabel = "N", description = "At most N pieces of the text. Default: 128")
  private Integer calibrationSamples;

  @Option(names = "--calib-seqlen", paramLabel = "N", description = "Tokens of each, cut to the model's context. Default: 2048")
  private Integer calibrationLength;

  @Option(names = "--tokenizer", paramLabel = "FILE",
      description = "tokenizer.json; default: in the model's folder, else its parent.")
  private Path tokenizer;

  @Option(names = "--max-seq-len", paramLabel = "N", defaultValue = "0",
      description = "Longest context. Default: what the model's positions allow")
  private int maxSeqLen;

  @Option(names = "--tuned", paramLabel = "FILE|none",
      description = "A table of 'catena tune' in place of the one that was measured on the card, or none. Default: that of --tuned-for, else of the "
          + "architecture, if one was measured")
  private String tuned;

  @Option(names = "--tuned-for", paramLabel = "NAME",
      description = "The GPU that it is compiled for, as 'catena devices' names it: its table of tuned kernels is taken, if there is one, and its number of "
          + "multiprocessors.")
  private String tunedFor;

  @Option(names = "--step-rows", paramLabel = "N", defaultValue = "256",
      description = "The most rows of a step; a longer prompt takes several. Default: ${DEFAULT-VALUE}")
  private int stepRows;

  @Option(names = "--experimental", description = "GPU code may do what no GPU has run yet: from sm_90 on kernels of a step overlap, "
      + "on sm_90 and sm_100 weights come by bulk copies, and --target sm_90a multiplies many rows by wgmma.")
  private boolean experimental;

  @Option(names = "--pipeline", paramLabel = "TEXT", description = "Passes in place of the default ones.")
  private String pipeline;

  @Mixin
  private PipelineOptions watching;

  @Override
  public Integer call() {
    new ModelCompiler(settings()).compile().ifPresent(System.out::print);
    return 0;
  }

  private CompileSettings settings() {
    if (!Files.exists(input)) {
      throw new UserError(input + ": there is no such file or folder");
    }
    int embed = embedBits != null ? embedBits : DefaultPipeline.WeightStorage.embedBits(weightBits);
    int head = headBits != null ? headBits : DefaultPipeline.WeightStorage.headBits(weightBits);
    int group = columnsPerScale(groupSize, weightBits, embed, head);
    if (maxSeqLen < 0) {
      throw new UserError("--max-seq-len " + maxSeqLen + ": must be positive");
    }
    requireStepRows(stepRows);
    int[] kv = kvBits(kvBits, weightBits);
    List<Target> generated = resolveTargets();
    if (ModelShape.isOne(input) && generated.stream().anyMatch(t -> !(t instanceof CudaTarget))) {
      throw new UserError(input + ": a shape has no weights, only samples that GPUs repeat; choose a --target such as sm_90");
    }
    for (Target t : generated) {
      if (t instanceof CudaTarget cuda && cuda.multipliesByWarpgroup() && !experimental) {
        throw new UserError("--target " + t.name() + ": its matrix products by wgmma have run on no GPU yet; add --experimental, or choose sm_90");
      }
    }
    if (experimental && generated.stream().noneMatch(t -> t instanceof CudaTarget cuda && cuda.overlapsLaunches())) {
      Console.warn("--experimental has no effect without a target from sm_90 on");
    }
    return new CompileSettings(input, output != null ? output : defaultOutput(), generated, weightBits, group,
        symmetric, embed, head, embedBits == null, kv[0], kv[1], Optional.ofNullable(activations), Optional.ofNullable(tokenizer), maxSeqLen,
        Optional.ofNullable(pipeline), watching, stepRows, quantization(), tunedKernels(generated), Optional.ofNullable(tunedFor), experimental);
  }

  static void requireStepRows(int rows) {
    if (rows < 1 || rows > MOST_STEP_ROWS) {
      throw new UserError("--step-rows " + rows + ": must be from 1 to " + MOST_STEP_ROWS);
    }
  }

  private Map<Target, TunedKernels> tunedKernels(List<Target> generated) {
    List<CudaTarget> gpus = generated.stream().filter(CudaTarget.class::isInstance).map(CudaTarget.class::cast).toList();
    if ((tuned != null || tunedFor != null) && gpus.isEmpty()) {
      Console.warn((tuned != null ? "--tuned" : "--tuned-for") + " has no effect: no GPU is among the targets");
    } else if (tuned != null && tunedFor != null) {
      Console.warn("--tuned-for has no effect: --tuned names the table");
    }
    Map<Target, TunedKernels> tables = new LinkedHashMap<>();
    for (CudaTarget gpu : gpus) {
      tables.put(gpu, tuned == null ? TunedKernels.of(gpu, Optional.ofNullable(tunedFor)) : tuned.equals("none") ? TunedKernels.none() : readTuned());
    }
    return tables;
  }

  private TunedKernels readTuned() {
    Path file = Path.of(tuned);
    try (Reader reader = Files.newBufferedReader(file)) {
      return TunedKernels.read(file.getFileName().toString(), reader);
    } catch (IllegalArgumentException e) {
      throw new UserError("--tuned " + e.getMessage());
    } catch (CharacterCodingException e) {
      throw new UserError("--tuned " + file + ": is not in UTF-8");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Quantization quantization() {
    String chosen = scales == null ? "search" : scales;
    if (!chosen.matches("range|search")) {
      throw new UserError("--scales " + scales + ": choose range or search");
    }
    for (String entry : keep) {
      if (!entry.matches("[^=:;{} ]+=(32|16|8|4|3|2)")) {
        throw new UserError("--keep " + entry + ": write NAME=BITS, such as decoder-3.down=16, with bits 32, 16, 8, 4, 3 or 2");
      }
    }
    String kept = String.join(";", keep).replace('=', ':');
    Quantization.Method method = quant == null ? Quantization.Method.RTN : quant;
    if (method == Quantization.Method.RTN || weightBits >= 16) {
      if (calibration != null || calibrationSamples != null || calibrationLength != null) {
        Console.warn("calibration text has no effect " + (weightBits >= 16 ? "at --wbits " + weightBits : "with --quant rtn"));
      }
      return new Quantization(Quantization.Method.RTN, chosen, kept, Optional.empty(), 0, 0);
    }
    String name = method.name().toLowerCase(Locale.ROOT);
    if (calibration == null) {
      throw new UserError("--quant " + name + ": needs a text that is typical of what the model will read; name it with --calib");
    }
    int samples = calibrationSamples == null ? 128 : calibrationSamples;
    int length = calibrationLength == null ? 2048 : calibrationLength;
    if (samples < 1) {
      throw new UserError("--calib-samples " + samples + ": must be at least 1");
    }
    if (length < 1) {
      throw new UserError("--calib-seqlen " + length + ": must be at least 1");
    }
    if (pipeline != null) {
      throw new UserError("--quant " + name + ": can't be combined with --pipeline; it calibrates for the default one");
    }
    return new Quantization(method, chosen, kept, Optional.of(calibration), samples, length);
  }

  /** What {@code --group-size} says for weights of these bits, 0 for a whole row. */
  static int columnsPerScale(int groupSize, int weightBits, int embedBits, int headBits) {
    requireBits("--wbits", weightBits);
    requireBits("--embed-bits", embedBits);
    requireBits("--head-bits", headBits);
    int group = groupSize == -1 ? 0 : groupSize;
    int multiple = Math.min(weightBits, Math.min(embedBits, headBits)) < 4 ? 32 : 8;
    if (group < 0 || group % multiple != 0) {
      throw new UserError("--group-size " + groupSize + ": must be a multiple of " + multiple
          + (multiple == 32 ? " below 4 bits" : "") + ", or 0 for a whole row");
    }
    return group;
  }

  private static void requireBits(String option, int bits) {
    if (!WEIGHT_BITS.contains(bits)) {
      throw new UserError(option + " " + bits + ": choose 32, 16, 8, 4, 3 or 2");
    }
  }

  /** Bits of keys and of values. */
  static int[] kvBits(String kvBits, int weightBits) {
    if (kvBits == null) {
      int bits = weightBits == 32 ? 32 : 16;
      return new int[] {bits, bits};
    }
    String[] parts = kvBits.split(",", -1);
    int[] bits = new int[2];
    for (int i = 0; i < 2; i++) {
      String part = parts[parts.length == 1 ? 0 : i];
      if (parts.length > 2 || !part.matches("32|16|8|4")) {
        throw new UserError("--kv-bits " + kvBits + ": choose 32, 16, 8 or 4, or two of them as K,V");
      }
      bits[i] = Integer.parseInt(part);
    }
    return bits;
  }

  private List<Target> resolveTargets() {
    Set<Target> resolved = new LinkedHashSet<>();
    for (String t : targets) {
      resolved.add(resolve(t.strip()));
    }
    return new ArrayList<>(resolved);
  }

  private static Target resolve(String name) {
    if (name.startsWith("cpu")) {
      return CpuTarget.parse(name);
    } else if (name.startsWith("sm_")) {
      return CudaTarget.parse(name);
    }
    throw new UserError("unknown target '" + name + "'; known are cpu (this machine), "
        + Stream.concat(CpuTarget.known().stream(), CudaTarget.known().stream()).map(Target::name)
            .collect(Collectors.joining(", ")));
  }

  private Path defaultOutput() {
    Path last = input.toAbsolutePath().normalize().getFileName();
    if (last == null) {
      throw new UserError(input + ": gives the artifact no name; name it with -o");
    }
    String name = last.toString();
    return Path.of((name.endsWith(".onnx") ? name.substring(0, name.length() - 5) : name) + ".catena");
  }
}
