package dev.catena.tools.page;

import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Stages that have equal structures at every step: one of them is shown, and how many there are. */
final class StageGroups {
  private final Map<String, Integer> groupOf = new HashMap<>();
  private final List<List<String>> members = new ArrayList<>();

  StageGroups(List<Module> steps) {
    Map<String, List<String>> structures = new LinkedHashMap<>();   // of each stage, a structure for each step
    for (int step = 0; step < steps.size(); step++) {
      if (steps.get(step) == null) {
        continue;
      }
      for (Map.Entry<String, String> e : StageStructure.ofAll(steps.get(step).stages()).entrySet()) {
        List<String> ofStage = structures.computeIfAbsent(e.getKey(), n -> new ArrayList<>());
        while (ofStage.size() < step) {
          ofStage.add("");
        }
        ofStage.add(e.getValue());
      }
    }
    Map<List<String>, Integer> known = new HashMap<>();
    structures.forEach((stage, ofStage) -> {
      int group = known.computeIfAbsent(ofStage, s -> known.size());
      if (group == members.size()) {
        members.add(new ArrayList<>());
      }
      members.get(group).add(stage);
      groupOf.put(stage, group);
    });
  }

  int size() {
    return members.size();
  }

  /** The names of a group's stages, in order. */
  List<String> members(int group) {
    return members.get(group);
  }

  /** The stage that stands for its group, or null where the module has none of them. */
  Stage shown(int group, Module module) {
    return module.stage(members.get(group).get(0));
  }

  /** The module's stages as the groups they belong to, neighbours of one group together. */
  List<Run> chain(Module module) {
    List<Run> chain = new ArrayList<>();
    for (Stage stage : module.stages()) {
      int group = groupOf.get(stage.name());
      Run last = chain.isEmpty() ? null : chain.get(chain.size() - 1);
      if (last != null && last.group() == group) {
        chain.set(chain.size() - 1, new Run(group, last.first(), stage.name(), last.count() + 1));
      } else {
        chain.add(new Run(group, stage.name(), stage.name(), 1));
      }
    }
    return chain;
  }

  /** Neighbours of one group, by the names of the first and the last. */
  record Run(int group, String first, String last, int count) {}
}
