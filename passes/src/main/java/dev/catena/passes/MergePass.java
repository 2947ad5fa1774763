package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.ConcatenatedWeight;
import dev.catena.ir.Dialects;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Linear layers that read the same rows become one (QKV, gate and up): the rows are read once and a thread has more
 * outputs to work on. Their weights are laid end to end as a view; a split gives each reader its part. Where only some have
 * a bias, the others get one of zeros.
 */
public final class MergePass extends Pass {
  public MergePass() {
    super("merge", "merge linear layers with a common input (QKV, gate and up)");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      Map<Value, List<Operation>> readers = new LinkedHashMap<>();
      IdentityHashMap<Value, Value> order = new IdentityHashMap<>();
      for (Operation op : stage.operations()) {
        if (op.is("nn.linear") && op.operand(1).weight() != null && op.operand(1).type() instanceof TensorType) {
          readers.computeIfAbsent(order.computeIfAbsent(op.operand(0), v -> v), v -> new ArrayList<>()).add(op);
        }
      }
      for (List<Operation> group : readers.values()) {
        if (group.size() > 1 && alike(group)) {
          merge(module, stage, group);
          context.count("merge.merged linear", 1);
        }
      }
      DeadCode.remove(stage);
      warn(stage, context);
    }
    module.removeUnusedWeights();
  }

  /** A layer that stays short of what layers of its kind become is slower than it need be, or can't be compiled. */
  private static void warn(Stage stage, PassContext context) {
    String shortfall = "decoder".equals(stage.textAttribute("role")) ? DecoderParts.of(stage).shortfall() : null;
    if (shortfall != null) {
      context.warn(shortfall);
    }
  }

  private static boolean alike(List<Operation> group) {
    Operation first = group.get(0);
    TensorType bias = bias(group);
    return group.stream().allMatch(op -> op.operand(1).tensorType().element() == first.operand(1).tensorType().element()
        && (op.operand(2) == null || op.operand(2).weight() != null && op.operand(2).tensorType().element() == bias.element()));
  }

  /** The type of the first bias; null where there is none. */
  private static TensorType bias(List<Operation> group) {
    return group.stream().map(op -> op.operand(2)).filter(b -> b != null).map(Value::tensorType).findFirst().orElse(null);
  }

  private static void merge(Module module, Stage stage, List<Operation> group) {
    Operation first = group.get(0);
    List<WeightData> weights = new ArrayList<>();
    List<WeightData> biases = new ArrayList<>();
    TensorType bias = bias(group);
    long[] sizes = new long[group.size()];
    for (int i = 0; i < sizes.length; i++) {
      Operation op = group.get(i);
      weights.add(op.operand(1).weight().data());
      sizes[i] = op.operand(1).tensorType().dim(0).value();
      if (bias != null) {
        biases.add(op.operand(2) == null ? new LiteralWeight(new Tensor(bias.element(), sizes[i])) : op.operand(2).weight().data());
      }
    }
    String name = stage.name() + ".merged";
    List<Value> operands = new ArrayList<>();
    operands.add(first.operand(0));
    operands.add(module.addWeight(name, new ConcatenatedWeight(weights)).value());
    if (!biases.isEmpty()) {
      operands.add(module.addWeight(name + "_bias", new ConcatenatedWeight(biases)).value());
    }
    Operation linear = stage.insertBefore(first, Dialects.get("nn.linear"), operands, Map.of());
    linear.setOrigin(first.origin());
    Operation split = stage.insertBefore(first, Dialects.get("nn.split"), List.of(linear.result()),
        Map.of("sizes", Attribute.ints(sizes)), sizes.length);
    split.setOrigin(first.origin());
    for (int i = 0; i < sizes.length; i++) {
      stage.replaceUses(group.get(i).result(), split.result(i));
    }
  }
}
