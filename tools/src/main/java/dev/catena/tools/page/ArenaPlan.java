package dev.catena.tools.page;

import dev.catena.ir.Attribute;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where a planned stage keeps its intermediate results, and from which launch to which, as {@code plan} wrote it on the
 * operations.
 *
 * @param bytes    of the arena
 * @param rows     the most rows of a step, which the bytes are for
 * @param launches in order; views are none
 */
public record ArenaPlan(long bytes, long rows, List<Launch> launches, List<Range> ranges) {
  /**
   * @param operation the launch
   * @param place     where the result goes, as the text states it
   */
  public record Launch(Operation operation, String place) {}

  /**
   * Bytes that hold a value.
   *
   * @param from the launch that writes it
   * @param to   the last that reads it, directly or through views
   */
  public record Range(Value value, long offset, long bytes, int from, int to) {}

  /** Whether {@code plan} ran over the stage. */
  public static boolean isPlanned(Stage stage) {
    return stage.attributes().get("plan.arena_bytes") instanceof Attribute.Int;
  }

  public static ArenaPlan of(Stage stage) {
    List<Operation> ops = stage.operations().stream().filter(op -> !op.is("kernel.view")).toList();
    Map<Value, Integer> lastUse = lastUses(stage, ops);
    List<Launch> launches = new ArrayList<>();
    List<Range> ranges = new ArrayList<>();
    for (int i = 0; i < ops.size(); i++) {
      Operation op = ops.get(i);
      String place = op.attribute("place") instanceof Attribute.Text t ? t.value() : "";
      launches.add(new Launch(op, place));
      String[] words = place.split(" ");
      if (words.length == 3 && words[0].equals("arena") && isNumber(words[1]) && isNumber(words[2])) {
        Value v = op.result(0);
        ranges.add(new Range(v, Long.parseLong(words[1]), Long.parseLong(words[2]), i, lastUse.getOrDefault(v, i)));
      }
    }
    return new ArenaPlan(number(stage, "plan.arena_bytes"), number(stage, "plan.rows"), launches, ranges);
  }

  private static boolean isNumber(String word) {
    return word.matches("[0-9]{1,15}");
  }

  private static long number(Stage stage, String attribute) {
    return stage.attributes().get(attribute) instanceof Attribute.Int i ? i.value() : 0;
  }

  private static Map<Value, Integer> lastUses(Stage stage, List<Operation> launches) {
    Map<Operation, Integer> order = new IdentityHashMap<>();
    for (int i = 0; i < launches.size(); i++) {
      order.put(launches.get(i), i);
    }
    Map<Value, Integer> last = new IdentityHashMap<>();
    List<Operation> ops = stage.operations();
    for (int i = ops.size() - 1; i >= 0; i--) {
      Operation op = ops.get(i);
      Integer use = order.containsKey(op) ? order.get(op) : last.get(op.result());   // a view lives as long as its readers
      for (Value v : op.operands()) {
        if (v != null && use != null) {
          last.merge(v, use, Math::max);
        }
      }
    }
    return last;
  }
}
