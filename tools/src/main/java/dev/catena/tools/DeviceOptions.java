package dev.catena.tools;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Devices;
import dev.catena.runtime.SessionOptions;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import picocli.CommandLine.Option;

/** Where a model runs: the options that run, chat, bench and demo share. */
final class DeviceOptions {
  private static final int MAX_THREADS = 1024;

  @Option(names = "--device", split = ",", defaultValue = "cpu:0", paramLabel = "D",
      description = "Devices that the stages are spread over. Default: ${DEFAULT-VALUE}")
  private List<String> devices;

  @Option(names = "--threads", paramLabel = "N",
      description = "Threads over all cpu devices together. Default: this machine's physical cores")
  private Integer threads;

  @Option(names = "--split", paramLabel = "N,N…|measured",
      description = "How many decoder layers each of the devices gets, in their order, such as 15,17; or measured: so that the slowest "
          + "device takes as little as can be, by what stages were just measured to take on each. Default: by bytes")
  private String split;

  @Option(names = "--device-memory", paramLabel = "SIZE",
      description = "Take no more than this of each GPU's memory, such as 8GiB; weights that don't fit are streamed at every "
          + "step. Default: what is free")
  private String deviceMemory;

  @Option(names = "--cache-max-entry-count", paramLabel = "R",
      description = "Give the KV cache this share of the GPU memory that weights and activations leave, such as 0.8. Default: "
          + "what the call can use")
  private Double cacheShare;

  /** @throws UserError when there can't be so many threads */
  int threads() {
    if (threads == null) {
      return Devices.processor().cores();
    }
    if (threads < 1 || threads > MAX_THREADS) {
      throw new UserError("--threads " + threads + ": must be from 1 to " + MAX_THREADS);
    }
    return threads;
  }

  List<String> devices() {
    return devices.stream().map(String::strip).toList();
  }

  /** Prints what there is to know of the devices. @param positions how long the sequence may become */
  SessionOptions session(CatenaModel model, int positions) {
    devices().stream().map(Devices::note).filter(Objects::nonNull).distinct().forEach(Console::note);
    model.notes(devices()).forEach(Console::note);
    if (devices().stream().allMatch(device -> device.startsWith("cpu")) && (deviceMemory != null || cacheShare != null)) {
      Console.warn((deviceMemory != null ? "--device-memory" : "--cache-max-entry-count") + " has no effect on cpu devices");
    }
    SessionOptions placed = placed(SessionOptions.defaults().withDevices(devices()).withThreads(threads()).withMaxSequenceLength(positions))
        .withDeviceMemory(deviceMemory == null ? 0 : Bytes.parse("--device-memory", deviceMemory)).withCacheShare(share());
    return "measured".equals(split) ? measured(model, placed) : placed;
  }

  private SessionOptions placed(SessionOptions options) {
    if (split == null || split.equals("measured")) {
      return options;
    }
    if (!split.matches("[0-9]{1,4}(,[0-9]{1,4})*")) {
      throw new UserError("--split " + split + ": write layers of each device, such as 15,17, or measured");
    }
    return options.withSplit(Arrays.stream(split.split(",")).map(Integer::valueOf).toList());
  }

  private SessionOptions measured(CatenaModel model, SessionOptions options) {
    boolean sim = devices().stream().anyMatch(DeviceOptions::isSimulated);
    if (sim && !devices().stream().allMatch(DeviceOptions::isSimulated)) {
      throw new UserError("--split measured: sim counts instructions and no time, so that it can't be compared with another device; name layers");
    }
    List<List<Double>> costs = model.stageCosts(options);
    Map<String, Double> sums = new LinkedHashMap<>();
    for (int i = 0; i < costs.size(); i++) {
      sums.put(devices().get(i), costs.get(i).stream().mapToDouble(cost -> cost).sum());
    }
    sums.forEach((device, sum) -> Console.note(sim ? String.format(Locale.ROOT, "%s runs %.0f instructions for all stages of a step", device, sum)
        : String.format(Locale.ROOT, "%s takes %.3f ms for all stages of a step", device, sum * 1e3)));
    SessionOptions placed = options.withStageCosts(costs);
    List<List<String>> stages = model.placedStages(placed);
    for (int i = 0; i < stages.size(); i++) {
      List<String> its = stages.get(i);
      Console.note(devices().get(i) + " gets " + its.size() + " of " + costs.get(0).size() + " stages, " + its.get(0) + " to " + its.get(its.size() - 1));
    }
    return placed;
  }

  private static boolean isSimulated(String device) {
    return device.startsWith("sim");
  }

  private double share() {
    if (cacheShare != null && !(cacheShare > 0 && cacheShare <= 1)) {
      throw new UserError("--cache-max-entry-count " + cacheShare + ": must be above 0 and at most 1");
    }
    return cacheShare == null ? 0 : cacheShare;
  }

  String described() {
    return "device = " + String.join(",", devices()) + ", threads = " + threads();
  }
}
