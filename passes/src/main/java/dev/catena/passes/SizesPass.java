package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sizes of what a stage computes are told from its arguments. So nothing that is a function of the step, such as a mask as
 * wide as the new cache, hangs on the operations that {@code raise} replaces: an attention can't make what its own mask
 * is computed from.
 */
public final class SizesPass extends Pass {
  public SizesPass() {
    super("sizes", "sizes of values are told from the stage's arguments");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      Map<Dim, Axis> sources = sources(stage);
      for (Operation op : List.copyOf(stage.operations())) {
        if (op.is("onnx.Shape") && !op.operand(0).isArgument() && op.operand(0).type() instanceof TensorType t
            && tell(stage, op, t.shape(), sources)) {
          context.count("sizes.told", 1);
        }
      }
      DeadCode.remove(stage);
    }
  }

  /** An argument's axis. */
  private record Axis(Value argument, int number) {}

  private static Map<Dim, Axis> sources(Stage stage) {
    Map<Dim, Axis> sources = new LinkedHashMap<>();
    for (Value argument : stage.arguments()) {
      List<Dim> shape = argument.type() instanceof TensorType t ? t.shape() : List.of();
      for (int i = 0; i < shape.size(); i++) {
        if (!shape.get(i).isKnown()) {
          sources.putIfAbsent(shape.get(i), new Axis(argument, i));
        }
      }
    }
    return sources;
  }

  private static boolean tell(Stage stage, Operation shape, List<Dim> dims, Map<Dim, Axis> sources) {
    int rank = dims.size();
    int start = bound(shape.intAttribute("start", 0), rank);
    int end = Math.max(start, bound(shape.intAttribute("end", rank), rank));
    List<List<Axis>> sums = new ArrayList<>();
    for (Dim d : dims.subList(start, end)) {
      List<Axis> sum = d.isKnown() ? List.of() : sum(d, sources);
      if (sum == null) {
        return false;
      }
      sums.add(sum);
    }
    if (sums.isEmpty() || sums.stream().allMatch(List::isEmpty)) {
      return false; // fold knows it
    }
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < sums.size(); i++) {
      List<Axis> sum = sums.get(i);
      Value part = sum.isEmpty() ? append(stage, shape, "onnx.Constant", List.of(),
          Map.of("value", new Attribute.Dense(Tensor.i64(new long[] {dims.get(start + i).value()}, 1)))) : size(stage, shape, sum.get(0));
      parts.add(sum.size() < 2 ? part
          : append(stage, shape, "onnx.Add", List.of(part, size(stage, shape, sum.get(1))), Map.of()));
    }
    stage.replaceUses(shape.result(), parts.size() == 1 ? parts.get(0)
        : append(stage, shape, "onnx.Concat", parts, Map.of("axis", Attribute.of(0))));
    return true;
  }

  /** The one or two axes whose sizes make up the dimension; null where there are none. */
  private static List<Axis> sum(Dim d, Map<Dim, Axis> sources) {
    if (sources.containsKey(d)) {
      return List.of(sources.get(d));
    }
    for (Dim a : sources.keySet()) {
      for (Dim b : sources.keySet()) {
        if (a.plus(b).equals(d)) {
          return List.of(sources.get(a), sources.get(b));
        }
      }
    }
    return null;
  }

  private static Value size(Stage stage, Operation place, Axis axis) {
    return append(stage, place, "onnx.Shape", List.of(axis.argument),
        Map.of("start", Attribute.of(axis.number), "end", Attribute.of(axis.number + 1)));
  }

  private static Value append(Stage stage, Operation place, String operation, List<Value> operands, Map<String, Attribute> attributes) {
    return stage.insertBefore(place, Dialects.get(operation), operands, attributes).setOrigin(place.origin()).result();
  }

  private static int bound(long axis, int rank) {
    return (int) Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis));
  }
}
