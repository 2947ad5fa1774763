package dev.catena.tools;

import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.sim.timing.Card;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Finds the fastest candidate of each case by successive halving (Jamieson and Talwalkar, "Non-stochastic best arm
 * identification", 2016): all are measured briefly, the better half again for twice as long, until one is left. A candidate is
 * measured only after its result was found right. All that is found goes to a {@link TuneLog} at once, and what that has already
 * isn't measured again; a candidate during whose check the process ended is left out.
 */
final class Tuner {
  /**
   * Of the largest result. One half of x is off by 2^-11 of itself at most, by 2.1e-4 in the root mean square, and so is a sum of thousands of
   * products; behind SwiGLU, which multiplies two of them, it is up to 3.4e-4. What computes something else is off by far more.
   */
  private static final double MOST_ERROR = 1e-3;
  private static final int FIRST_REPETITIONS = 4;
  private static final int MOST_DOUBLINGS = 8;

  private final TunePack pack;
  private final Gpu gpu;
  private final TuneLog log;
  private final long deadline;
  private final boolean counts;
  private final Optional<Card> card;

  /**
   * @param deadline of {@link System#nanoTime}
   * @param card     what the model knows of the GPU, for the order in which candidates are measured; without it that is the pack's
   */
  Tuner(TunePack pack, Gpu gpu, TuneLog log, long deadline, Optional<Card> card) {
    this.pack = pack;
    this.gpu = gpu;
    this.log = log;
    this.deadline = deadline;
    counts = gpu.laneInstructions() >= 0;
    this.card = counts ? Optional.empty() : card;
  }

  /** How often a candidate is run in a round; the rounds count from 0. */
  static int repetitions(int round) {
    return FIRST_REPETITIONS << Math.min(MOST_DOUBLINGS, round);
  }

  /**
   * @param configuration the best
   * @param cost          of it
   * @param standardCost  of what is taken untuned, by the same measure; NaN if that wasn't measured
   * @param predicted     what the model says that the best one costs; NaN if it doesn't say
   */
  record Choice(String configuration, double cost, double standardCost, double predicted) {
    String line(String kernel, boolean counts) {
      return kernel + " = " + configuration + " " + text(cost, counts) + (Double.isNaN(standardCost) ? "" : " standard " + text(standardCost, counts))
          + (Double.isNaN(predicted) ? "" : " predicted " + text(predicted, counts));
    }

    /** How far the model is off, as a share of what was measured; NaN if it says nothing. */
    double missedBy() {
      return Math.abs(predicted - cost) / cost;
    }

    private static String text(double cost, boolean counts) {
      return counts ? String.format(Locale.ROOT, "%.0f_instructions", cost) : String.format(Locale.ROOT, "%.3f_us", cost * 1e6);
    }
  }

  /** The choices so far, by kernel; cases for which no time was left are missing. Only what was tried in full is final. */
  Map<String, Choice> run() throws IOException {
    Map<String, Choice> choices = new LinkedHashMap<>();
    for (int i = 0; i < pack.cases().size(); i++) {
      TunePack.Case of = pack.cases().get(i);
      long left = deadline - System.nanoTime();
      Choice known = log.find(of.kernel() + " chosen").map(line -> parse(of, line)).orElse(null);
      if (known == null && left > 0) {
        known = tune(of, System.nanoTime() + left / (pack.cases().size() - i));
      }
      if (known != null) {
        choices.put(of.kernel(), known);
      }
    }
    return choices;
  }

  private Choice parse(TunePack.Case of, String line) {
    String[] words = line.split(" ");
    return choice(of, LinearConfiguration.parse(words[0]).text(), Double.parseDouble(words[1]), Double.parseDouble(words[2]));
  }

  private Choice choice(TunePack.Case of, String configuration, double cost, double standardCost) {
    return new Choice(configuration, cost, standardCost, of.candidates().stream().filter(c -> c.configuration().equals(configuration))
        .mapToDouble(this::predicted).findFirst().orElse(Double.NaN));
  }

  private double predicted(TunePack.Candidate candidate) {
    return card.map(candidate::predictedSeconds).orElse(Double.NaN);
  }

  /** What is taken untuned, so that it is measured whatever the time, then those that the model finds fastest on this card. */
  private List<TunePack.Candidate> bestFirst(TunePack.Case of) {
    return of.candidates().stream().sorted(Comparator.comparing((TunePack.Candidate c) -> !c.configuration().equals(of.standard()))
        .thenComparingDouble(c -> card.isEmpty() ? 0 : predicted(c))).toList();
  }

  private Choice tune(TunePack.Case of, long until) throws IOException {
    try (CaseOnGpu onGpu = new CaseOnGpu(of, pack, gpu)) {
      List<TunePack.Candidate> left = new ArrayList<>();
      Map<String, Double> costs = new LinkedHashMap<>();
      int tried = 0;
      int round = 1;
      for (TunePack.Candidate candidate : bestFirst(of)) {
        // The first is measured whatever the time, so that each case has a choice.
        if (tried > 0 && System.nanoTime() > until) {
          break;
        }
        tried++;
        if (isRight(of, candidate, onGpu)) {
          if (left.isEmpty()) {
            onGpu.warmUp(candidate);
          }
          costs.put(candidate.configuration(), cost(of, candidate, onGpu, 0));
          left.add(candidate);
        }
      }
      if (left.isEmpty()) {
        Console.warn(of.kernel() + ": no candidate computes what it should; it isn't tuned");
        return null;
      }
      if (tried < of.candidates().size()) {
        Console.note(of.kernel() + ": " + (of.candidates().size() - tried) + " of " + of.candidates().size() + " candidates were left for want of time");
      }
      for (; left.size() > 1 && System.nanoTime() < until; round++) {
        left.sort(Comparator.comparingDouble(candidate -> costs.get(candidate.configuration())));
        left = new ArrayList<>(left.subList(0, (left.size() + 1) / 2));
        for (TunePack.Candidate candidate : left) {
          costs.put(candidate.configuration(), cost(of, candidate, onGpu, round));
        }
      }
      // What is taken untuned is measured as often as the best, and stays unless that is faster.
      TunePack.Candidate standard = of.candidates().stream().filter(c -> c.configuration().equals(of.standard())
          && costs.containsKey(of.standard())).findFirst().orElse(left.get(0));
      if (!left.contains(standard)) {
        costs.put(of.standard(), cost(of, standard, onGpu, round - 1));
        left.add(0, standard);
      }
      TunePack.Candidate best = left.stream().min(Comparator.comparingDouble(candidate -> costs.get(candidate.configuration()))).orElseThrow();
      Choice choice = choice(of, best.configuration(), costs.get(best.configuration()), costs.getOrDefault(of.standard(), Double.NaN));
      if (tried == of.candidates().size() && left.size() <= 2) {
        log.put(of.kernel() + " chosen", choice.configuration + " " + choice.cost + " " + choice.standardCost);
      }
      Console.note(choice.line(of.kernel(), counts));
      return choice;
    }
  }

  private boolean isRight(TunePack.Case of, TunePack.Candidate candidate, CaseOnGpu onGpu) throws IOException {
    String point = of.kernel() + " " + candidate.configuration();
    String known = log.find(point + " checked").orElse(null);
    if (known == null && log.find(point + " begun").isPresent()) {
      Console.warn(of.kernel() + " as " + candidate.configuration() + ": the process ended while it was checked; it is left out");
      return false;
    }
    if (known == null) {
      log.put(point + " begun", "");
      known = Double.toString(onGpu.error(candidate));
      log.put(point + " checked", known);
    }
    double error = Double.parseDouble(known);
    if (!(error <= MOST_ERROR)) {
      Console.warn(of.kernel() + " as " + candidate.configuration() + ": its result is wrong by " + error + " of the largest; it is left out");
      return false;
    }
    return true;
  }

  private double cost(TunePack.Case of, TunePack.Candidate candidate, CaseOnGpu onGpu, int round) throws IOException {
    String point = of.kernel() + " " + candidate.configuration() + " round " + round;
    String known = log.find(point).orElse(null);
    if (known == null) {
      known = Double.toString(onGpu.cost(candidate, repetitions(round)));
      log.put(point, known);
    }
    return Double.parseDouble(known);
  }
}
