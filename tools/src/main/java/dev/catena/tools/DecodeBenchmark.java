package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.ContextFullException;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.DeviceLostException;
import dev.catena.runtime.LaunchCost;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Decode steps of so many sequences at such a context, cell by cell, beside what the device can read. */
final class DecodeBenchmark {
  private static final Pattern CELL = Pattern.compile("([0-9]{1,5})x([0-9]{1,7})");

  private final CatenaModel model;
  private final SessionOptions options;
  private final int steps;
  private final int repetitions;
  private final boolean byLaunch;

  /**
   * @param steps    of which the mean is one repetition's time
   * @param byLaunch whether each kernel is measured by itself, too
   */
  DecodeBenchmark(CatenaModel model, SessionOptions options, int steps, int repetitions, boolean byLaunch) {
    this.byLaunch = byLaunch;
    this.model = model;
    this.options = options;
    this.steps = steps;
    this.repetitions = repetitions;
  }

  /** Sequences that decode together, each with so many positions before. */
  record Cell(int batch, int context) {
    /** @throws UserError for what is none */
    static Cell parse(String text) {
      Matcher m = CELL.matcher(text.strip());
      if (!m.matches() || Integer.parseInt(m.group(1)) < 1 || Integer.parseInt(m.group(2)) < 1) {
        throw new UserError("--decode " + text + ": write BATCHxCONTEXT, such as 16x4096");
      }
      return new Cell(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)));
    }
  }

  /** What {@code --json} prints; each cell is also a line on standard error when it is done. */
  Map<String, Object> run(List<Cell> cells) {
    Map<String, Object> json = new LinkedHashMap<>();
    String device = options.devices().get(0);
    json.put("target", model.target(options.devices()));
    json.put("devices", options.devices());
    json.put("settings", model.manifest().settings());
    json.put("weights_bytes", model.manifest().memory().weightsBytes());
    double bandwidth = GpuBandwidth.measure(device);
    json.put("read_bandwidth_bytes_per_s", bandwidth);
    List<Map<String, Object>> measured = new ArrayList<>();
    json.put("cells", measured);
    // Holds the weights on the device from cell to cell.
    try (Session weights = model.newSession(options.withMaxSequenceLength(1).withKvCapacity(1))) {
      for (Cell cell : cells) {
        Map<String, Object> result = measure(cell, bandwidth);
        measured.add(result);
        Console.note(line(cell, result));
      }
    } catch (DeviceLostException e) {
      throw e;
    } catch (DeviceException e) {       // not even the weights
      for (Cell cell : cells) {
        measured.add(refused(cell, e));
        Console.note(line(cell, refused(cell, e)));
      }
    }
    return json;
  }

  private Map<String, Object> measure(Cell cell, double bandwidth) {
    CatenaModel.DecodeTimes times;
    try {
      times = model.decodeTimes(options, cell.batch, cell.context, steps, repetitions, byLaunch);
    } catch (DeviceLostException e) {
      throw e;
    } catch (DeviceException | ContextFullException e) {
      return refused(cell, e);
    }
    Manifest.Memory memory = model.manifest().memory();
    double step = Benchmark.median(times.stepSeconds());
    long bytes = memory.bytesPerToken() + Math.round(memory.kvBytesPerToken() * (cell.context + (steps + 1) / 2.0) * cell.batch);
    Map<String, Object> result = cell(cell);
    result.put("step_s", step);
    result.put("tokens_per_s", cell.batch / step);
    result.put("bytes_per_step", bytes);
    result.put("share_of_bandwidth", bytes / step / bandwidth);
    if (byLaunch) {
      result.put("launches", times.launches().stream().map(DecodeBenchmark::json).toList());
    }
    return result;
  }

  private static Map<String, Object> json(LaunchCost launch) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kernel", launch.kernel());
    json.put("times", launch.times());
    json.put("launch_s", launch.seconds());
    return json;
  }

  private static Map<String, Object> refused(Cell cell, RuntimeException why) {
    Map<String, Object> result = cell(cell);
    result.put("not_measured", why.getMessage());
    return result;
  }

  private static Map<String, Object> cell(Cell cell) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("batch", cell.batch);
    result.put("context", cell.context);
    return result;
  }

  private static String line(Cell cell, Map<String, Object> result) {
    String name = cell.batch + " x " + cell.context + ": ";
    return result.containsKey("not_measured") ? name + "not measured: " + result.get("not_measured")
        : name + String.format(Locale.ROOT, "%.1f tokens/s, %.3f ms a step, %.1f %% of bandwidth", result.get("tokens_per_s"),
            (double) result.get("step_s") * 1e3, (double) result.get("share_of_bandwidth") * 100);
  }

  /** The table for people. */
  static String text(Map<String, Object> json) {
    TextTable table = new TextTable("batch", "context", "tokens/s", "ms a step", "share of bandwidth");
    for (Object each : (List<?>) json.get("cells")) {
      Map<?, ?> cell = (Map<?, ?>) each;
      if (cell.containsKey("not_measured")) {
        table.row(cell.get("batch"), cell.get("context"), "not measured: " + cell.get("not_measured"), "", "");
      } else {
        table.row(cell.get("batch"), cell.get("context"), number("%.1f", cell.get("tokens_per_s"), 1), number("%.3f", cell.get("step_s"), 1e3),
            number("%.1f %%", cell.get("share_of_bandwidth"), 100));
        for (Object launch : cell.get("launches") instanceof List<?> launches ? launches : List.of()) {
          Map<?, ?> its = (Map<?, ?>) launch;
          table.row("", "", its.get("kernel"), number("%.4f", its.get("launch_s"), 1e3), its.get("times") + " times");
        }
      }
    }
    return table.text();
  }

  private static String number(String format, Object value, double times) {
    return String.format(Locale.ROOT, format, (double) value * times);
  }
}
