package dev.catena.tools;

import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.runtime.Devices;
import dev.catena.runtime.gpu.GpuMeasurement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code catena devices}: what this machine has, and which targets' code it runs. */
@Command(name = "devices", mixinStandardHelpOptions = true, description = "List this machine's devices.")
final class DevicesCommand implements Callable<Integer> {
  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--measure", paramLabel = "D", description = "Measure this GPU's memory and launches, such as cuda:0.")
  private String measured;

  @Option(names = "--bytes", paramLabel = "SIZE", defaultValue = "1GiB",
      description = "With --measure: memory to read and to copy. Default: ${DEFAULT-VALUE}")
  private String bytes;

  @Override
  public Integer call() {
    if (measured != null) {
      System.out.print(text(Devices.measure(measured, Bytes.parse("--bytes", bytes))));
      return 0;
    }
    List<Devices.Info> devices = Devices.list();
    System.out.print(json ? Json.text(Map.of("devices", devices.stream().map(DevicesCommand::json).toList(), "problems", Devices.problems()))
        : text(devices));
    return 0;
  }

  private static String text(List<Devices.Info> devices) {
    StringBuilder s = new StringBuilder();
    for (Devices.Info d : devices) {
      s.append(d.name()).append("  ").append(d.description()).append(", ").append(d.cores())
          .append(isCard(d) ? " multiprocessors, " : d.cores() == 1 ? " core, " : " cores, ").append(Bytes.text(d.memoryBytes())).append('\n');
      if (isGpu(d)) {
        s.append("  targets   ").append(String.join(" ", targets(d))).append('\n');
        continue;
      }
      s.append("  features  ").append(String.join(" ", d.features())).append('\n');
      for (CpuTarget target : CpuTarget.known()) {
        List<String> missing = missing(target, d);
        s.append("  target    ").append(target.name()).append(missing.isEmpty() ? ": runs"
            : ": lacks " + String.join(", ", missing)).append('\n');
      }
    }
    Devices.problems().forEach(problem -> s.append(problem).append('\n'));
    return s.append("cpu:1, cpu:2 and so on are the same processor, with memory and threads of their own\n").toString();
  }

  private String text(GpuMeasurement m) {
    if (json) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("device", measured);
      object.put("description", m.description());
      object.put("read_bytes_per_s", m.readBytesPerSecond());
      object.put("copy_bytes_per_s", m.copyBytesPerSecond());
      object.put("stream_launch_s", m.streamLaunchSeconds());
      object.put("graph_launch_s", m.graphLaunchSeconds());
      if (!Double.isNaN(m.dependentLaunchSeconds())) {
        object.put("dependent_launch_s", m.dependentLaunchSeconds());
      }
      object.put("smallest_kernel_s", m.smallestSeconds());
      object.put("capability", m.capability());
      object.put("multiprocessors", m.multiprocessors());
      object.put("attributes", m.attributes());
      return Json.text(object);
    }
    return String.format(Locale.ROOT, "%s, %s%n  reads     %.1f GB/s%n  copies    %.1f GB/s%n  launches  %.2f us each, %.2f us in a graph%s%n"
        + "  smallest  %.2f us, an empty kernel that the host waits for%n",
        measured, m.description(), m.readBytesPerSecond() / 1e9, m.copyBytesPerSecond() / 1e9, m.streamLaunchSeconds() * 1e6,
        m.graphLaunchSeconds() * 1e6, Double.isNaN(m.dependentLaunchSeconds()) ? ""
            : String.format(Locale.ROOT, ", %.2f us where they may begin early", m.dependentLaunchSeconds() * 1e6), m.smallestSeconds() * 1e6);
  }

  private static Map<String, Object> json(Devices.Info d) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", d.name());
    json.put("description", d.description());
    json.put("cores", d.cores());
    json.put("memory_bytes", d.memoryBytes());
    json.put("features", d.features());
    json.put("targets", targets(d));
    return json;
  }

  private static boolean isGpu(Devices.Info device) {
    return !device.name().startsWith("cpu:");
  }

  private static boolean isCard(Devices.Info device) {
    return device.name().startsWith("cuda:");
  }

  /** A card runs its own architecture and lower minor versions of it as machine code, the rest up to it as PTX. */
  private static boolean runs(CudaTarget target, Devices.Info card) {
    return card.features().stream().anyMatch(own -> {
      int capability = Integer.parseInt(own.substring(3));
      return target.capability() <= capability && target.capability() / 10 == capability / 10;
    });
  }

  private static List<String> targets(Devices.Info device) {
    return isCard(device) ? CudaTarget.known().stream().filter(t -> runs(t, device)).map(CudaTarget::name).toList()
        : isGpu(device) ? CudaTarget.known().stream().map(CudaTarget::name).toList()
        : CpuTarget.known().stream().filter(t -> missing(t, device).isEmpty()).map(CpuTarget::name).toList();
  }

  private static List<String> missing(CpuTarget target, Devices.Info device) {
    return target.features().stream().filter(f -> !device.features().contains(f)).toList();
  }
}
