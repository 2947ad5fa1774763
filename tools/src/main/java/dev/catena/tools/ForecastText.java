package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.PredictedTime;
import dev.catena.sim.timing.StepWork;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A {@link Forecast} as tables for people. */
final class ForecastText {
  private static final String WHAT_IT_IS = """
      Predicted, not measured: the largest of bytes / bandwidth (mem) and, times wave quantization, instructions (issue), products (mma)
      and passes through shared memory (smem), plus boundary and ramp (start); counted by the simulator on some blocks. Under way: bytes of
      weights and cache that a block copies past the registers before it waits for any; of other loads enough is assumed. %s
      """;
  private static final String NOT_FITTED = "No constant was fitted on a card yet.";

  private ForecastText() {}

  /** Steps by card, then the microseconds of each launch. */
  static String times(Forecast forecast) {
    List<String> measured = forecast.cards().stream().map(Card::measured).filter(m -> !m.isEmpty()).toList();
    StringBuilder s = new StringBuilder(WHAT_IT_IS.formatted(measured.isEmpty() ? NOT_FITTED
        : "Read bandwidth and boundary are measured: " + String.join(", ", measured) + "."));
    s.append(steps(forecast)).append('\n');
    forecast.steps().forEach((name, step) -> s.append(name(forecast, name)).append(", microseconds of a launch\n")
        .append(launches(step, forecast.cards())).append('\n'));
    return s.toString();
  }

  private static String name(Forecast forecast, String step) {
    return Forecast.isDecode(step) ? step + " at context " + forecast.context() : step + " rows";
  }

  private static String steps(Forecast forecast) {
    TextTable table = new TextTable(header("predicted tokens/s (share of bandwidth)", forecast.cards()));
    forecast.steps().forEach((name, step) -> {
      List<Object> row = new ArrayList<>(List.of(name(forecast, name)));
      for (Card card : forecast.cards()) {
        double tokens = Forecast.tokensPerSecond(step, card);
        row.add(number(tokens) + (Forecast.isDecode(name) ? String.format(Locale.ROOT, " (%.0f %%)",
            100 * Forecast.shareOfBandwidth(step, card)) : ""));
      }
      table.row(row.toArray());
    });
    return table.text();
  }

  private static String launches(StepWork step, List<Card> cards) {
    TextTable table = new TextTable(header("kernel", cards, "times", "grid", "under way"));
    for (StepWork.Counted launch : step.launches()) {
      List<Object> row = new ArrayList<>(List.of(launch.launch().kernel(), times(launch), grid(launch.launch()), underWay(launch)));
      for (Card card : cards) {
        PredictedTime time = PredictedTime.of(launch.work(), card);
        row.add(number(time.seconds() * 1e6) + " " + time.limit().text());
      }
      table.row(row.toArray());
    }
    return table.text();
  }

  /**
   * Each decode step's launches both ways, this one's first, where both have as many.
   *
   * @param experimental whether this one's are those of {@code --experimental}
   */
  static String beside(Forecast forecast, Forecast other, boolean experimental) {
    String ways = experimental ? "with --experimental / without" : "without --experimental / with";
    StringBuilder s = new StringBuilder("The same kernels both ways (--experimental: launches that begin early, weights of a few rows by bulk copies), "
        + ways + ";\nbehind them what overlapping takes off a step, with a boundary between launches as without it, and with none\n");
    forecast.steps().forEach((name, step) -> {
      List<StepWork.Counted> ours = step.launches();
      List<StepWork.Counted> theirs = other.steps().containsKey(name) ? other.steps().get(name).launches() : List.of();
      if (ours.size() != theirs.size()) {
        return;
      }
      TextTable table = new TextTable(header(name(forecast, name), forecast.cards(), "times"));
      for (int i = 0; i < ours.size(); i++) {
        List<Object> row = new ArrayList<>(List.of(ours.get(i).launch().kernel(), times(ours.get(i))));
        for (Card card : forecast.cards()) {
          row.add(both(PredictedTime.of(ours.get(i).work(), card).seconds() * 1e6, PredictedTime.of(theirs.get(i).work(), card).seconds() * 1e6));
        }
        table.row(row.toArray());
      }
      List<Object> sum = new ArrayList<>(List.of("predicted tokens/s", ""));
      forecast.cards().forEach(card -> sum.add(both(Forecast.tokensPerSecond(step, card), Forecast.tokensPerSecond(other.steps().get(name), card))));
      table.row(sum.toArray());
      StepWork overlapping = step.overlaps() ? step : other.steps().get(name);
      List<Object> bounded = new ArrayList<>(List.of("predicted tokens/s, overlapping", ""));
      for (Card card : forecast.cards()) {
        List<Double> bounds = Forecast.overlappingTokensPerSecond(overlapping, card);
        bounded.add(number(bounds.get(0)) + " to " + number(bounds.get(1)));
      }
      table.row(bounded.toArray());
      s.append(table.text()).append('\n');
    });
    return s.toString();
  }

  private static String both(double ours, double theirs) {
    return number(ours) + " / " + number(theirs);
  }

  private static String[] header(String first, List<Card> cards, String... more) {
    List<String> header = new ArrayList<>(List.of(first));
    header.addAll(List.of(more));
    cards.forEach(card -> header.add(card.name()));
    return header.toArray(String[]::new);
  }

  private static int times(StepWork.Counted launch) {
    return launch.stages().size();
  }

  private static String underWay(StepWork.Counted launch) {
    long bytes = launch.work().bytesUnderWay();
    return bytes == 0 ? "–" : bytes + "";
  }

  private static String grid(KernelProgram.Launch launch) {
    return launch.grid().get(0) + "," + launch.grid().get(1) + "," + launch.grid().get(2);
  }

  /** What the launches' blocks did, a launch a line: means of a block. */
  static String counters(Forecast forecast) {
    StringBuilder s = new StringBuilder("Counted by the simulator, a block's mean: machine instructions of warps by unit (about), sectors of 32 bytes"
        + " for each\nneeded, wavefronts of shared memory beyond the ideal, branches that parted lanes, bytes by memory\n");
    forecast.steps().forEach((name, step) -> s.append(name(forecast, name)).append('\n').append(counters(step)).append('\n'));
    return s.toString();
  }

  private static String counters(StepWork step) {
    TextTable table = new TextTable("kernel", "fma", "alu", "sfu", "lsu", "tensor", "branch", "load x", "store x", "weights x", "conflicts",
        "diverged", "global", "weights", "shared", "local");
    for (StepWork.Counted launch : step.launches()) {
      KernelCounters c = launch.sample();
      KernelCounters.Global loads = sum(c, KernelCounters.OfMemory::loads, "");
      KernelCounters.Global stores = sum(c, KernelCounters.OfMemory::stores, "");
      KernelCounters.Global weights = sum(c, KernelCounters.OfMemory::loads, "weight:");
      table.row(c.kernel(), slots(c, ExecutionUnit.FMA), slots(c, ExecutionUnit.ALU), slots(c, ExecutionUnit.SFU), slots(c, ExecutionUnit.LSU),
          slots(c, ExecutionUnit.TENSOR), slots(c, ExecutionUnit.BRANCH), ratio(loads), ratio(stores), ratio(weights),
          c.shared(i -> true).conflicts() / c.blocks(), c.divergentBranches() / c.blocks(), (loads.bytes() + stores.bytes()) / c.blocks(),
          weights.bytes() / c.blocks(), c.shared(i -> true).bytes() / c.blocks(), c.localBytes() / c.blocks());
    }
    return table.text();
  }

  private static KernelCounters.Global sum(KernelCounters c, java.util.function.Function<KernelCounters.OfMemory, KernelCounters.Global> part,
      String prefix) {
    return c.memories().stream().filter(m -> m.name().startsWith(prefix)).map(part).reduce(KernelCounters.Global.NONE,
        KernelCounters.Global::plus);
  }

  private static String ratio(KernelCounters.Global traffic) {
    return traffic.requests() == 0 ? "0" : String.format(Locale.ROOT, "%.2f", traffic.excess());
  }

  private static long slots(KernelCounters c, ExecutionUnit unit) {
    return c.slots().get(unit) / c.blocks();
  }

  /** Three digits, and no more decimals than that. */
  private static String number(double value) {
    return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  }
}
