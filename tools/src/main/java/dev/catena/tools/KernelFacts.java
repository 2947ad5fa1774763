package dev.catena.tools;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A generated function of one target, as {@code inspect} lists it: of a CPU the function of a stage structure, of a GPU a
 * kernel. What CUDA code knows and CPU code doesn't is null: clang spends all the registers there are, and doesn't say what
 * it spills. A CPU has no shared memory: 0.
 *
 * @param stages   names of the stages that run it, or {@code sampling}
 * @param launches with which grid and block, by the most rows of a step; none on a CPU
 */
record KernelFacts(String name, String target, List<String> stages, Integer registers, int sharedBytes,
    Integer spillBytes, List<Launch> launches) {
  /** A grid and a block, and the buckets of rows that they are for. */
  record Launch(List<Integer> rows, List<Integer> grid, List<Integer> block) {
    String text() {
      return "rows " + rows.stream().map(String::valueOf).collect(Collectors.joining(", ")) + ": "
          + sizes(grid) + " x " + sizes(block);
    }

    private static String sizes(List<Integer> sizes) {
      return "(" + sizes.stream().map(String::valueOf).collect(Collectors.joining(", ")) + ")";
    }

    private Map<String, Object> json() {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("rows", rows);
      json.put("grid", grid);
      json.put("block", block);
      return json;
    }
  }

  static List<KernelFacts> of(Manifest manifest) {
    List<KernelFacts> facts = new ArrayList<>();
    for (Manifest.Target target : manifest.targets()) {
      facts.addAll(target.runsPrograms() ? ofGpu(manifest, target) : ofCpu(manifest, target));
    }
    return List.copyOf(facts);
  }

  private static List<KernelFacts> ofCpu(Manifest manifest, Manifest.Target target) {
    Map<String, List<String>> stages = new LinkedHashMap<>();
    for (Manifest.Stage stage : manifest.stages()) {
      Manifest.Code code = stage.code().get(target.name());
      if (code != null) {
        stages.computeIfAbsent(code.symbol(), s -> new ArrayList<>()).add(stage.name());
      }
    }
    return stages.entrySet().stream().map(e -> new KernelFacts(e.getKey(), target.name(), List.copyOf(e.getValue()), null,
        0, null, List.of())).toList();
  }

  private static List<KernelFacts> ofGpu(Manifest manifest, Manifest.Target target) {
    Map<String, Set<String>> stages = new LinkedHashMap<>();
    Map<String, Map<List<List<Integer>>, Set<Integer>>> launches = new LinkedHashMap<>();
    for (Manifest.Stage stage : manifest.stages()) {
      Manifest.Code code = stage.code().get(target.name());
      add(target.programs().get(code.symbol()), stage.name(), stages, launches);
    }
    KernelProgram sampling = target.programs().get(KernelProgram.SAMPLING);
    if (sampling != null) {
      add(sampling, KernelProgram.SAMPLING, stages, launches);
    }
    return target.kernels().stream().map(k -> new KernelFacts(k.name(), target.name(),
        List.copyOf(stages.getOrDefault(k.name(), Set.of())), k.registers(), k.sharedBytes(), k.spillBytes(),
        launches.getOrDefault(k.name(), Map.of()).entrySet().stream().map(e -> new Launch(List.copyOf(e.getValue()),
            e.getKey().get(0), e.getKey().get(1))).toList())).toList();
  }

  private static void add(KernelProgram program, String user, Map<String, Set<String>> stages,
      Map<String, Map<List<List<Integer>>, Set<Integer>>> launches) {
    for (KernelProgram.Bucket bucket : program.buckets()) {
      for (KernelProgram.Launch l : bucket.launches()) {
        stages.computeIfAbsent(l.kernel(), k -> new LinkedHashSet<>()).add(user);
        launches.computeIfAbsent(l.kernel(), k -> new LinkedHashMap<>())
            .computeIfAbsent(List.of(l.grid(), l.block()), k -> new LinkedHashSet<>()).add(bucket.rows());
      }
    }
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", name);
    json.put("target", target);
    json.put("stages", stages);
    json.put("registers", registers);
    json.put("shared_bytes", sharedBytes);
    json.put("spill_bytes", spillBytes);
    json.put("launches", launches.stream().map(Launch::json).toList());
    return json;
  }
}
