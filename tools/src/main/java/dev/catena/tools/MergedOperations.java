package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.tools.page.OperationTally;
import java.util.Map;
import java.util.TreeMap;

/** The operations of a module after {@code merge}, as {@code inspect} and the manifest count them: every layer by itself. */
final class MergedOperations {
  private MergedOperations() {}

  /** Counts by name. Attention is one operation, whether its past is still tensors or already a cache. */
  static Map<String, Integer> of(Module module) {
    Map<String, Integer> counts = new TreeMap<>();
    module.stages().forEach(stage -> OperationTally.add(stage, counts));
    Integer attentions = counts.remove("nn.past_attention");
    if (attentions != null) {
      counts.merge("nn.attention", attentions, Integer::sum);
    }
    return counts;
  }
}
