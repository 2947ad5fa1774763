package dev.catena.tools;

import dev.catena.runtime.sampling.SamplingParameters;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Option;

/** How tokens are chosen: the options that run and chat share. */
final class SamplingOptions {
  @Option(names = "--temperature", defaultValue = "0", paramLabel = "T",
      description = "What logits are divided by; 0 takes the likeliest token. Default: ${DEFAULT-VALUE}")
  private double temperature;

  @Option(names = "--top-k", paramLabel = "K", description = "Keep the K likeliest tokens; 0: all. Default: 0")
  private Integer topK;

  @Option(names = "--top-p", paramLabel = "P",
      description = "Keep the likeliest tokens that have the probability P together. Default: 1")
  private Double topP;

  @Option(names = "--min-p", paramLabel = "P",
      description = "Keep tokens at least P times as likely as the likeliest. Default: 0")
  private Double minP;

  @Option(names = "--repeat-penalty", defaultValue = "1", paramLabel = "R",
      description = "Make tokens that occurred less likely; 1: don't. Default: ${DEFAULT-VALUE}")
  private double repeatPenalty;

  @Option(names = "--seed", paramLabel = "S", description = "Seed of the random numbers. Default: another at each call")
  private Long seed;

  private SamplingParameters parameters;

  /** The same at each call. @throws UserError for a value outside its range */
  SamplingParameters parameters() {
    if (parameters == null) {
      try {
        parameters = new SamplingParameters(temperature, topK == null ? 0 : topK, topP == null ? 1 : topP,
            minP == null ? 0 : minP, repeatPenalty, seed());
      } catch (IllegalArgumentException e) {
        throw new UserError("--" + e.getMessage());
      }
      if (parameters.isGreedy()) {
        warnOfWhatHasNoEffect();
      }
    }
    return parameters;
  }

  /** Small enough to be typed again. */
  private long seed() {
    return seed != null ? seed : temperature == 0 ? 0 : ThreadLocalRandom.current().nextInt(1, 1_000_000);
  }

  private void warnOfWhatHasNoEffect() {
    List<String> idle = new ArrayList<>();
    if (topK != null) {
      idle.add("--top-k");
    }
    if (topP != null) {
      idle.add("--top-p");
    }
    if (minP != null) {
      idle.add("--min-p");
    }
    if (seed != null) {
      idle.add("--seed");
    }
    if (!idle.isEmpty()) {
      Console.warn(String.join(", ", idle) + (idle.size() == 1 ? " has" : " have")
          + " no effect at --temperature 0, which takes the likeliest token");
    }
  }

  String described() {
    SamplingParameters p = parameters();
    String penalty = p.repeatPenalty() == 1 ? "" : ", repeat penalty = " + p.repeatPenalty();
    return p.isGreedy() ? "temperature = 0 (greedy)" + penalty
        : "temperature = " + p.temperature() + ", top-k = " + p.topK() + ", top-p = " + p.topP() + ", min-p = " + p.minP()
            + penalty + ", seed = " + p.seed();
  }
}
