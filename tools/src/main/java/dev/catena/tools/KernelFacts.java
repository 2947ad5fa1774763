package dev.catena.tools;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A generated function of one target, as {@code inspect --json} lists it. What CUDA code knows and CPU code doesn't is
 * null: clang spends all the registers there are, and doesn't say what it spills. A CPU has no shared memory: 0.
 *
 * @param stages names of the stages that run it
 */
record KernelFacts(String name, String target, List<String> stages) {
  static List<KernelFacts> of(Manifest manifest) {
    Map<String, KernelFacts> facts = new LinkedHashMap<>();
    for (Manifest.Target target : manifest.targets()) {
      for (Manifest.Stage stage : manifest.stages()) {
        Manifest.Code code = stage.code().get(target.name());
        if (code != null) {
          KernelFacts before = facts.getOrDefault(target.name() + ' ' + code.symbol(),
              new KernelFacts(code.symbol(), target.name(), List.of()));
          facts.put(target.name() + ' ' + code.symbol(), before.alsoFor(stage.name()));
        }
      }
    }
    return List.copyOf(facts.values());
  }

  private KernelFacts alsoFor(String stage) {
    List<String> more = new ArrayList<>(stages);
    more.add(stage);
    return new KernelFacts(name, target, List.copyOf(more));
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", name);
    json.put("target", target);
    json.put("stages", stages);
    json.put("registers", null);
    json.put("shared_bytes", 0);
    json.put("spill_bytes", null);
    return json;
  }
}
