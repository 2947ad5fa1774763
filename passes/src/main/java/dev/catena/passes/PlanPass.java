package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.KvType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Places every intermediate result in the activation arena: a result's bytes may be reused after its last reader.
 * First fit in program order; what may be computed in place takes the place of an operand that nobody reads any more. The
 * stage's output goes where the runtime says, caches are written in place.
 */
public final class PlanPass extends Pass {
  /** Cache-line alignment of every buffer. */
  private static final long ALIGNMENT = 64;

  public PlanPass() {
    super("plan", "place intermediate results in memory",
        PassOptions.number("rows", 256, "most rows in a step: longer prompts are fed in chunks"),
        PassOptions.flag("reuse", true, "whether a result's bytes are taken again after its last reader"));
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    long rows = options.number("rows");
    if (rows < 1 || rows > 1 << 16) {
      throw new PassException("plan: rows = " + rows + " must be between 1 and 65536");
    }
    for (Stage stage : module.stages()) {
      long arena = plan(stage, rows, options.flag("reuse"));
      stage.setAttribute("plan.rows", Attribute.of(rows));
      stage.setAttribute("plan.arena_bytes", Attribute.of(arena));
    }
  }

  private record Placed(long offset, long bytes, int lastUse) {}

  private static long plan(Stage stage, long rows, boolean reuse) {
    Map<Value, Integer> lastUse = lastUses(stage);
    Map<Value, Placed> places = new IdentityHashMap<>();
    List<Placed> live = new ArrayList<>();
    long top = 0;
    List<Operation> ops = stage.operations();
    for (int i = 0; i < ops.size(); i++) {
      int now = i;
      Operation op = ops.get(i);
      if (op.definition().has(Trait.VIEW)) {
        continue;
      }
      live.removeIf(p -> reuse && p.lastUse() < now);
      Value result = op.result(0);
      if (result == stage.outputs().get(0)) {
        op.setAttribute("place", Attribute.of("output"));
        continue;
      }
      if (result.type() instanceof KvType) {
        continue;
      }
      long bytes = align(Math.multiplyExact(rows,
          result.tensorType().dim(-1).value() * result.tensorType().element().bits() / 8));
      Placed over = places.get(overwritten(op, i, lastUse));
      boolean inPlace = over != null && over.bytes() == bytes && live.remove(over);
      long offset = inPlace ? over.offset() : firstFit(live, bytes);
      Placed placed = new Placed(offset, bytes, lastUse.getOrDefault(result, i));
      live.add(placed);
      places.put(result, placed);
      op.setAttribute("place", Attribute.of("arena " + offset + " " + bytes));
      top = Math.max(top, offset + bytes);
    }
    Value output = stage.outputs().get(0);
    if (output.producer() == null || output.producer().definition().has(Trait.VIEW)) {
      throw new PassException("plan: stage @" + stage.name() + " returns %" + output.name() + " without computing it");
    }
    return top;
  }

  /** The first operand, if the operation may be computed in its place and is the last to read it; else null. */
  private static Value overwritten(Operation op, int now, Map<Value, Integer> lastUse) {
    if (!op.definition().has(Trait.IN_PLACE) || op.operand(0) == null) {
      return null;
    }
    Value first = op.operand(0);
    for (Value other : op.operands()) {
      if (other != null && other != first && root(other) == first) {
        return null; // a view of it would be overwritten while it is read
      }
    }
    return lastUse.get(first) == now ? first : null;
  }

  /** The value in whose place a view lies. */
  private static Value root(Value v) {
    while (v.producer() != null && v.producer().definition().has(Trait.VIEW)) {
      v = v.producer().operand(0);
    }
    return v;
  }

  /**
   * The index of the last operation that reads each value, directly or through views. What RoPE reads counts as read by the attention
   * behind it: with few rows a GPU does both in one kernel, whose blocks write results while others still read.
   */
  private static Map<Value, Integer> lastUses(Stage stage) {
    Map<Value, Integer> last = new IdentityHashMap<>();
    List<Operation> ops = stage.operations();
    for (int i = ops.size() - 1; i >= 0; i--) {
      Operation op = ops.get(i);
      int use = op.definition().has(Trait.VIEW) ? last.getOrDefault(op.result(), i) : i;
      for (Value v : op.operands()) {
        if (v != null) {
          last.merge(v, use, Math::max);
          if (op.is("kernel.attention") && v.producer() != null && v.producer().is("kernel.rope_append")) {
            v.producer().operands().stream().filter(Objects::nonNull).forEach(read -> last.merge(read, use, Math::max));
          }
        }
      }
    }
    return last;
  }

  private static long firstFit(List<Placed> live, long bytes) {
    List<Placed> sorted = new ArrayList<>(live);
    sorted.sort(Comparator.comparingLong(Placed::offset));
    long offset = 0;
    for (Placed p : sorted) {
      if (p.offset() - offset >= bytes) {
        break;
      }
      offset = Math.max(offset, p.offset() + p.bytes());
    }
    return offset;
  }

  private static long align(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
