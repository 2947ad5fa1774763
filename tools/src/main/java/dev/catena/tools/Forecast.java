package dev.catena.tools;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.PredictedTime;
import dev.catena.sim.timing.StepShape;
import dev.catena.sim.timing.StepWork;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How an artifact's steps would do on the cards that a target's code runs on: decoding one sequence, decoding as many as
 * {@value #BATCH}, and the longest step of a prompt.
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
   * @param context  positions of each sequence that decodes, the last one its own
   * @param cards    of which those that would take this target's code are predicted for
   * @throws dev.catena.runtime.DeviceException in one line, when the simulator refuses a kernel
   */
  static Forecast of(ArtifactReader reader, Manifest.Target target, int context, List<Card> cards) {
    Map<String, StepWork> steps = new LinkedHashMap<>();
    String ptx = new String(reader.bytes(target.ptx()), StandardCharsets.UTF_8);
    int rows = reader.manifest().memory().maxRows();
    for (int batch : rows < BATCH ? List.of(1) : List.of(1, BATCH)) {
      steps.put("decode " + batch, StepWork.of(reader.manifest(), target, ptx, StepShape.decode(batch, context)));
    }
    int prompt = Math.min(rows, reader.manifest().model().maxSeqLen());
    if (prompt > 1) {
      steps.put(PREFILL + " " + prompt, StepWork.of(reader.manifest(), target, ptx, StepShape.prefill(prompt)));
    }
    return new Forecast(target.name(), context, cards.stream().filter(card -> takes(card, target, reader.manifest())).toList(), steps);
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

  /** Of the card's bandwidth, the share that a step's weights and cache take, predicted. */
  static double shareOfBandwidth(StepWork step, Card card) {
    return step.bytes(card) / step.seconds(card) / card.readBytesPerSecond();
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
    return json;
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
      of.put("read_bytes_per_s", card.readBytesPerSecond());
      List<Object> ofSteps = new ArrayList<>();
      steps.forEach((name, step) -> {
        Map<String, Object> s = new LinkedHashMap<>();
        s.put("step", name);
        s.put("rows", step.shape().rows());
        s.put("predicted_tokens_per_s", tokensPerSecond(step, card));
        s.put("predicted_share_of_bandwidth", shareOfBandwidth(step, card));
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
