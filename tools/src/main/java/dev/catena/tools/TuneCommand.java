package dev.catena.tools;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.ir.Hashes;
import dev.catena.runtime.Devices;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.sim.timing.Card;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena tune}: which of a kernel's configurations is fastest on a card, from a pack that was made without one. */
@Command(name = "tune", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Measure the configurations of GPU kernels, or make the pack for that (--make-pack).")
final class TuneCommand implements Callable<Integer> {
  private static final Pattern SECONDS = Pattern.compile("([0-9]{1,6})s?");
  /** What a pack may take: it goes to another machine with all else that is needed there. */
  private static final int MOST_PACK_BYTES = 20 << 20;
  /** What a prediction may miss, as a share of what was measured, before the model counts as wrong. */
  private static final double MODEL_BUG = 0.2;

  @Parameters(arity = "0..*", paramLabel = "FILE.shape", description = "With --make-pack: the models whose kernels are wanted.")
  private List<Path> shapes = List.of();

  @Option(names = "--pack", paramLabel = "FILE", description = "The pack to measure.")
  private Path pack;

  @Option(names = "--device", defaultValue = "cuda:0", paramLabel = "D", description = "The GPU to measure on. Default: ${DEFAULT-VALUE}")
  private String device;

  @Option(names = "--budget", defaultValue = "240s", paramLabel = "TIME", description = "How long it may take. Default: ${DEFAULT-VALUE}")
  private String budget;

  @Option(names = "--results", paramLabel = "FILE",
      description = "Where findings go as they are made; started again, it goes on there. Default: the pack's name with .results")
  private Path results;

  @Option(names = "-o", paramLabel = "FILE", description = "The table, for compile --tuned; default: the pack's name with .tuned")
  private Path output;

  @Option(names = "--card", paramLabel = "FILE.json",
      description = "What devices --measure --json wrote of the GPU: predictions, by which candidates are ordered, take it.")
  private Path cardFile;

  @Option(names = "--make-pack", paramLabel = "FILE", description = "Make a pack; needs no GPU.")
  private Path made;

  @Option(names = "--target", defaultValue = "sm_90", paramLabel = "T", description = "With --make-pack: the architecture. Default: ${DEFAULT-VALUE}")
  private String target;

  @Option(names = "--wbits", defaultValue = "4,8,16", split = ",", description = "With --make-pack: bits of weights. Default: ${DEFAULT-VALUE}")
  private List<Integer> weightBits;

  @Option(names = "--rows", defaultValue = "1,16,64", split = ",", description = "With --make-pack: rows of steps. Default: ${DEFAULT-VALUE}")
  private List<Integer> rows;

  @Option(names = "--configurations", defaultValue = "40", paramLabel = "N",
      description = "With --make-pack: of each kernel, at most; fewer where the pack would pass 20 MiB. Default: ${DEFAULT-VALUE}")
  private int configurations;

  @Option(names = "--ptx", description = "With --make-pack: PTX too, so that the simulator can rehearse with the pack.")
  private boolean ptx;

  @Override
  public Integer call() throws IOException {
    if ((pack == null) == (made == null)) {
      throw new UserError("tune: name a pack to measure with --pack, or one to make with --make-pack");
    }
    if (made != null) {
      make();
    } else {
      measure();
    }
    return 0;
  }

  private void make() throws IOException {
    if (shapes.isEmpty()) {
      throw new UserError("tune --make-pack: name the models, such as tests/gpu/shapes/llama-7b.shape");
    }
    if (configurations < 1 || configurations > 40) {
      throw new UserError("--configurations " + configurations + ": must be from 1 to 40");
    }
    weightBits.stream().filter(bits -> !List.of(32, 16, 8, 4).contains(bits)).findFirst().ifPresent(bits -> {
      throw new UserError("--wbits " + bits + ": choose of 32, 16, 8, 4");
    });
    rows.stream().filter(count -> count < 1 || count > 256).findFirst().ifPresent(count -> {
      throw new UserError("--rows " + count + ": must be from 1 to 256");
    });
    OutputFile file = new OutputFile(made, "--make-pack");
    CudaTarget architecture = CudaTarget.parse(target);
    List<ModelShape> models = shapes.stream().map(ModelShape::read).toList();
    CachedFiles compiled = compiledSoFar();
    NvrtcCompiler compiler = new NvrtcCompiler(new CodeStore(compiled));
    int most = configurations;
    TunePack packed = new TunePackMaker(architecture, most, ptx, compiler).make(models, weightBits, rows);
    byte[] bytes = packed.bytes();
    while (bytes.length > MOST_PACK_BYTES && most > 1) {
      most = (int) Math.max(1, Math.min(most - 1, (long) most * MOST_PACK_BYTES / bytes.length));
      Console.note("a pack of " + Bytes.text(bytes.length) + " is too large: made again with " + most + " configurations of each kernel");
      packed = new TunePackMaker(architecture, most, ptx, compiler).make(models, weightBits, rows);
      bytes = packed.bytes();
    }
    file.write(bytes);
    compiled.remove();
    int candidates = packed.cases().stream().mapToInt(each -> each.candidates().size()).sum();
    System.out.println(made + ": " + packed.cases().size() + " kernels for " + target + ", " + candidates + " candidates, " + Bytes.text(bytes.length));
    for (Card card : Card.of(architecture.capability())) {
      System.out.println(String.format(Locale.ROOT, "%s would be busy for %.0f s, predicted", card.name(), reckonedSeconds(packed, card)));
    }
  }

  /** Beside the pack until that is there: compiling takes minutes, and whatever ends the process, the next one goes on. */
  private CachedFiles compiledSoFar() {
    Path folder = made.resolveSibling(made.getFileName() + ".part");
    boolean before = Files.isDirectory(folder);
    try {
      CachedFiles compiled = CachedFiles.of(folder);
      if (before) {
        Console.note(folder + ": what an earlier start compiled is taken from there");
      }
      return compiled;
    } catch (IOException e) {
      throw new UserError("--make-pack " + made + ": what is compiled can't be kept beside it meanwhile (" + e.getMessage() + "); move that, or name another place");
    }
  }

  private static double reckonedSeconds(TunePack pack, Card card) {
    return pack.cases().stream().mapToDouble(of -> CaseOnGpu.reckonedSeconds(of, of.candidates().stream()
        .map(candidate -> candidate.predictedSeconds(card)).filter(seconds -> !seconds.isNaN()).toList())).sum();
  }

  private void measure() throws IOException {
    Matcher seconds = SECONDS.matcher(budget);
    if (!seconds.matches()) {
      throw new UserError("--budget " + budget + ": write seconds, such as 240s");
    }
    long deadline = System.nanoTime() + Long.parseLong(seconds.group(1)) * 1_000_000_000L;
    TunePack packed = TunePack.read(pack);
    Optional<Card> measured = Optional.ofNullable(cardFile).map(CardFile::read);
    OutputFile table = new OutputFile(output != null ? output : beside(".tuned"), "-o");
    try (Gpu gpu = Devices.open(device, packed.target())) {
      requireRuns(packed, gpu);
      String card = gpu.facts().description();
      String subject = "catena tune, pack " + Hashes.of(HexFormat.of().formatHex(Files.readAllBytes(pack))).substring(0, 16) + " for " + packed.target() + ", on " + card;
      try (TuneLog log = new TuneLog(results != null ? results : beside(".results"), subject)) {
        Map<String, Tuner.Choice> choices = new Tuner(packed, gpu, log, deadline, measured.or(() -> Card.named(card))).run();
        table.write(text(packed, gpu, choices));
        judgeModel(choices);
        System.out.println(choices.size() + " of " + packed.cases().size() + " kernels tuned for " + card
            + (choices.size() < packed.cases().size() ? "; start again to go on" : ""));
      }
    }
  }

  private static void judgeModel(Map<String, Tuner.Choice> choices) {
    List<Tuner.Choice> predicted = choices.values().stream().filter(choice -> !Double.isNaN(choice.predicted())).toList();
    if (!predicted.isEmpty()) {
      Console.note(String.format(Locale.ROOT, "the model of the kernels misses %d of %d by more than %.0f %%",
          predicted.stream().filter(choice -> choice.missedBy() > MODEL_BUG).count(), predicted.size(), 100 * MODEL_BUG));
    }
  }

  /** Machine code runs on its own major version from its minor one on; what counts instructions takes PTX. */
  private void requireRuns(TunePack packed, Gpu gpu) {
    int capability = Integer.parseInt(packed.target().replaceAll("\\D", ""));
    if (gpu.laneInstructions() < 0 && (capability / 10 != gpu.facts().capability() / 10 || capability > gpu.facts().capability())) {
      throw new UserError(pack + ": is for " + packed.target() + ", and " + device + " is " + gpu.facts().description() + " (sm_" + gpu.facts().capability()
          + "); make a pack with --target sm_" + gpu.facts().capability());
    }
    if (gpu.laneInstructions() >= 0 && packed.cases().stream().anyMatch(of -> of.ptx() == null)) {
      throw new UserError(pack + ": has no PTX, which " + device + " needs; make a pack with --ptx");
    }
  }

  private static String text(TunePack packed, Gpu gpu, Map<String, Tuner.Choice> choices) {
    boolean counts = gpu.laneInstructions() >= 0;
    StringBuilder s = new StringBuilder("# Tuned kernels for " + packed.target() + ", " + (counts ? "by instructions counted on " : "measured on ")
        + gpu.facts().description() + ", " + gpu.facts().multiprocessors() + " multiprocessors\n" + (counts ? "# A rehearsal: nothing here was measured on a GPU.\n" : ""));
    choices.forEach((kernel, choice) -> s.append(choice.line(kernel, counts)).append('\n'));
    return s.toString();
  }

  private Path beside(String extension) {
    String name = pack.getFileName().toString().replaceFirst("\\.pack$", "");
    return pack.resolveSibling(name + extension);
  }
}
