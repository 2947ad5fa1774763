package dev.catena.tests.fuzz;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Feeds mutated models to {@link OnnxReaderFuzz} for a while and keeps what it stumbles over:
 * {@code MutationCampaign SEEDS FINDS SECONDS [SEED]}. Not part of a build (docs/hostile-files.md).
 */
final class MutationCampaign {
  private static final double SLOW_SECONDS = 2;

  private MutationCampaign() {}

  public static void main(String[] args) throws IOException {
    List<byte[]> models = new ArrayList<>();
    try (Stream<Path> files = Files.walk(Path.of(args[0]))) {
      for (Path p : (Iterable<Path>) files.filter(f -> f.toString().endsWith(".onnx")).sorted()::iterator) {
        models.add(Files.readAllBytes(p));
      }
    }
    Path finds = Files.createDirectories(Path.of(args[1]));
    long end = System.nanoTime() + Long.parseLong(args[2]) * 1_000_000_000L;
    long seed = args.length > 3 ? Long.parseLong(args[3]) : System.nanoTime();
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    Set<String> known = new HashSet<>();
    long tried = 0;
    for (; System.nanoTime() < end; tried++) {
      Random random = new Random(seed + tried);
      byte[] model = models.get(random.nextInt(models.size()));
      byte[] mutated = new OnnxMutator(random).mutate(model);
      if (mutated.length > 1 << 20) {
        continue;
      }
      Files.write(finds.resolve("current"), mutated);   // what is there if the process dies
      long start = threads.getCurrentThreadCpuTime();
      String problem = "";
      try {
        OnnxReaderFuzz.fuzzerTestOneInput(mutated);
      } catch (RuntimeException | Error e) {
        problem = e.getClass().getSimpleName() + "-" + Integer.toHexString(Arrays.hashCode(
            Stream.of(e.getStackTrace()).limit(6).map(StackTraceElement::toString).toArray()));
        if (known.add(problem)) {
          System.out.println(problem + " " + (seed + tried) + " " + e);
          Stream.of(e.getStackTrace()).limit(12).forEach(f -> System.out.println("    " + f));
        } else {
          continue;
        }
      }
      double seconds = (threads.getCurrentThreadCpuTime() - start) / 1e9;
      if (seconds > SLOW_SECONDS) {
        System.out.println("slow " + seconds + " s: " + (seed + tried) + " of " + mutated.length + " bytes");
        problem += "slow-" + (seed + tried);
      }
      if (!problem.isEmpty()) {
        Files.write(finds.resolve(problem + ".onnx"), mutated);
      }
    }
    System.out.println(tried + " models, " + known.size() + " finds");
  }
}
