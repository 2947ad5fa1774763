package dev.catena.tools;

import dev.catena.runtime.Devices;
import dev.catena.runtime.SessionOptions;
import java.util.List;
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

  /** @param positions how long the sequence may become */
  SessionOptions session(int positions) {
    devices().stream().map(Devices::note).filter(Objects::nonNull).distinct().forEach(Console::note);
    return SessionOptions.defaults().withDevices(devices()).withThreads(threads()).withMaxSequenceLength(positions);
  }

  String described() {
    return "device = " + String.join(",", devices()) + ", threads = " + threads();
  }
}
