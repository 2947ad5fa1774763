package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.PredictedTime;
import dev.catena.sim.timing.StepShape;
import dev.catena.sim.timing.StepWork;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How an artifact's steps would do on the cards that a target's code runs on: decoding so many sequences as were asked for, else one,
 * {@value #BATCH}, the longest step of a prompt, and what else it takes to have each kernel of the target in a step.
 *
 * @param target the architecture
 * @param cards  that would take this target's code
 * @param steps  by what they are called
 */
record Forecast(String target, int context, List<Card> cards, Map<String, StepWork> steps) {
  private static final int BATCH = 16;
  private static final String PREFILL = "prefill";

  /**
   * Counts in the simulator what the target's kernels do.
   *
   * @param ptx      the target's
   * @param context  positions of each sequence that decodes, the last one its own
   * @param batches  sequences of the decode steps that are wanted; none: as above
   * @param cards    of which those that would take this target's code are predicted for
   * @throws dev.catena.runtime.DeviceException in one line, when the simulator refuses a kernel
   */
  static Forecast of(Manifest manifest, Manifest.Target target, byte[] ptx, int context, List<Integer> batches, List<Card> cards) {
    Map<String, StepWork> steps = new LinkedHashMap<>();
    String text = new String(ptx, StandardCharsets.UTF_8);
    List<StepShape> shapes = batches.isEmpty() ? everyKernel(manifest, target, context)
        : batches.stream().map(batch -> StepShape.decode(batch, context)).toList();
    for (StepShape shape : shapes) {
      steps.put(name(shape), StepWork.of(manifest, target, text, shape));
    }
    return new Forecast(target.name(), context, cards.stream().filter(card -> takes(card, target, manifest)).toList(), steps);
  }

  private static String name(StepShape shape) {
    return shape.rowsOfEach() == 1 ? "decode " + shape.rows() : PREFILL + " " + shape.rows();
  }

  private static List<StepShape> everyKernel(Manifest manifest, Manifest.Target target, int context) {
    int most = manifest.memory().maxRows();
    int prompt = Math.min(most, manifest.model().maxSeqLen());
    List<StepShape> shapes = new ArrayList<>(List.of(StepShape.decode(1, context)));
    if (most >= BATCH) {
      shapes.add(StepShape.decode(BATCH, context));
    }
    if (prompt > 1) {
      shapes.add(StepShape.prefill(prompt));
    }
    Set<String> shown = new HashSet<>();
    shapes.forEach(shape -> shown.addAll(kernels(target, shape.rows())));
    target.programs().values().stream().flatMap(program -> program.buckets().stream()).map(bucket -> Math.min(bucket.rows(), most)).distinct().sorted()
        .filter(rows -> shown.addAll(kernels(target, rows)))
        .forEach(rows -> shapes.add(rows <= BATCH || rows > prompt ? StepShape.decode(rows, context) : StepShape.prefill(rows)));
    return shapes;
  }

  /** Kernels that a step of so many rows launches. */
  private static Set<String> kernels(Manifest.Target target, int rows) {
    return target.programs().values().stream()
        .flatMap(program -> program.buckets().stream().filter(bucket -> bucket.rows() >= rows).limit(1))
        .flatMap(bucket -> bucket.launches().stream()).map(KernelProgram.Launch::kernel).collect(Collectors.toSet());
  }

  /** Whether of all targets in the artifact it is this one's code that the card runs: the nearest below it, of its generation if there is one. */
  private static boolean takes(Card card, Manifest.Target target, Manifest manifest) {
    return manifest.targets().stream().filter(Manifest.Target::runsPrograms)
        .filter(t -> isForOneChip(t) ? capability(t) == card.capability() : capability(t) <= card.capability())
        .max((a, b) -> Integer.compare(fitness(a, card), fitness(b, card))).filter(t -> t.name().equals(target.name())).isPresent();
  }

  private static int fitness(Manifest.Target target, Card card) {
    return 2 * capability(target) + (isForOneChip(target) ? 1 : 0) + (card.runsCodeOf(capability(target)) ? 10000 : 0);
  }

  /** Such as {@code sm_90a}. */
  private static boolean isForOneChip(Manifest.Target target) {
    return target.name().endsWith("a");
  }

  private static int capability(Manifest.Target target) {
    String digits = target.name().replaceAll("[^0-9]", "");
    return digits.isEmpty() || digits.length() > 4 ? Integer.MAX_VALUE : Integer.parseInt(digits);
  }

  /** What a step does in a second, predicted: tokens generated, or read. */
  static double tokensPerSecond(StepWork step, Card card) {
    return step.shape().rows() / step.seconds(card);
  }

  /** Likewise where launches overlap, the least and the most: with the card's boundary between them and with none. */
  static List<Double> overlappingTokensPerSecond(StepWork step, Card card) {
    return List.of(step.shape().rows() / step.overlappingSeconds(card, card.boundarySeconds()), step.shape().rows() / step.overlappingSeconds(card, 0));
  }

  /** Of the card's bandwidth, the share that a step's weights and cache take, predicted. */
  static double shareOfBandwidth(StepWork step, Card card) {
    return step.bytes(card) / step.seconds(card) / card.memory().readBytesPerSecond();
  }

  /** Whether a figure can be held against others like it: a prefill's share of bandwidth can't. */
  static boolean isDecode(String step) {
    return !step.startsWith(PREFILL);
  }

  private static Map<String, Object> json(StepWork.Counted launch, Card card) {
    PredictedTime time = PredictedTime.of(launch.work(), card);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kernel", launch.launch().kernel());
    json.put("times", launch.stages().size());
    json.put("predicted_s", time.seconds());
    json.put("limit", time.limit().text());
    Map<String, Object> needs = new LinkedHashMap<>();
    time.needs().forEach((limit, seconds) -> needs.put(limit.text(), seconds));
    json.put("needs_s", needs);
    json.put("memory_bytes", time.bytes());
    json.put("waves", launch.work().waves(card));
    json.put("block_bytes_under_way", launch.work().bytesUnderWay());
    return json;
  }

  /** What the model takes for the card's, as {@link Card} has it. */
  private static Map<String, Object> constants(Card card) {
    Map<String, Object> constants = new LinkedHashMap<>();
    constants.put("multiprocessors", card.multiprocessors());
    constants.put("clock_hz", card.clock());
    constants.put("l2_bytes", card.memory().l2Bytes());
    constants.put("fma_lanes", card.rates().fmaLanes());
    constants.put("alu_lanes", card.rates().aluLanes());
    constants.put("double_lanes", card.rates().doubleLanes());
    constants.put("matrix_multiply_adds_per_clock", card.rates().matrixMultiplyAdds());
    constants.put("latency_clocks", card.memory().latencyClocks());
    constants.put("boundary_s", card.boundarySeconds());
    constants.put("bytes_under_way_for_all_bandwidth", card.memory().bytesUnderWay());
    return constants;
  }

  /** For {@code --json}. Everything in it is a prediction. */
  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("target", target);
    json.put("context", context);
    json.put("predicted", true);
    List<Object> ofCards = new ArrayList<>();
    for (Card card : cards) {
      Map<String, Object> of = new LinkedHashMap<>();
      of.put("card", card.name());
      of.put("measured_constants", card.measured());
      of.put("read_bytes_per_s", card.memory().readBytesPerSecond());
      of.put("constants", constants(card));
      List<Object> ofSteps = new ArrayList<>();
      steps.forEach((name, step) -> {
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("step", name);
        s.put("rows", step.shape().rows());
        s.put("predicted_tokens_per_s", tokensPerSecond(step, card));
        s.put("predicted_share_of_bandwidth", shareOfBandwidth(step, card));
        if (step.overlaps()) {
          s.put("predicted_tokens_per_s_overlapping", overlappingTokensPerSecond(step, card));
        }
        s.put("launches", step.launches().stream().map(launch -> json(launch, card)).toList());
        ofSteps.add(s);
      });
      of.put("steps", ofSteps);
      ofCards.add(of);
    }
    json.put("cards", ofCards);
    return json;
  }
}
