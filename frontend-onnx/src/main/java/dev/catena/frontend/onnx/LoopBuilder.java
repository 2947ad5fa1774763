package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.ElementType;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Builds one {@code onnx.Loop}: from {@link #enter} to {@link #leave} operations are appended to its body. What the body reads
 * of the values around it goes through {@link #inside}. The number of the round is the first carried value.
 */
final class LoopBuilder {
  private final StageBuilder out;
  private final NameHints hints;
  private final Block body = new Block();
  private final List<Value> initial = new ArrayList<>();
  private final List<Value> captured = new ArrayList<>();
  private final List<Value> current = new ArrayList<>();
  private final Map<Value, Value> copies = new IdentityHashMap<>();
  private Block around;
  private boolean taken;

  LoopBuilder(StageBuilder out, NameHints hints) {
    this.out = out;
    this.hints = hints;
    Value first = out.constant(Tensor.i64(new long[] {0}), "first");
    carry("round", first, first.type());
  }

  /**
   * A value that goes round; gives what it is in the body.
   *
   * @param type what it is there: the first value's type, perhaps with fewer dimensions known
   */
  Value carry(String name, Value first, Type type) {
    if (taken) {
      throw new IllegalStateException("carried values stand before captured ones");
    }
    initial.add(first);
    Value argument = body.addArgument(hints.argument(name), type);
    current.add(argument);
    return argument;
  }

  /** The number of the round, from 0 on, of rank 0. */
  Value round() {
    return current.get(0);
  }

  /** What a value from around is in the body: weights are known everywhere, constants are repeated. */
  Value inside(Value outer) {
    if (outer == null || outer.weight() != null) {
      return outer;
    }
    return copies.computeIfAbsent(outer, v -> {
      if (v.constant() != null) {
        return out.constant(v.constant(), v.name());
      }
      taken = true;
      captured.add(v);
      Value argument = body.addArgument(hints.argument(v.name()), v.type());
      argument.setContents(v.contents());
      return argument;
    });
  }

  void enter() {
    around = out.into(body);
  }

  /**
   * Ends the body and appends the loop where {@link #enter} was called.
   *
   * @param trips     how often at most, of rank 0, or null
   * @param condition whether the first round runs, or null: it does
   * @param goOn      in the body, whether there is a next round, or null: there is
   * @param next      in the body, the carried values' next versions, without the round's number
   * @param slices    in the body, what is stacked
   * @return the carried values' last versions, without the round's number, then the stacks
   */
  List<Value> leave(Value trips, Value condition, Value goOn, List<Value> next, List<Value> slices) {
    Value one = out.constant(Tensor.i64(new long[] {1}), "one");
    body.addOutput(goOn != null ? goOn : out.constant(Tensor.ofLongs(ElementType.BOOL, new long[] {1}), "on"));
    body.addOutput(out.append("Add", round(), one));
    next.forEach(body::addOutput);
    slices.forEach(body::addOutput);
    out.into(around);
    List<Value> operands = new ArrayList<>();
    operands.add(trips);
    operands.add(condition);
    operands.addAll(initial);
    operands.addAll(captured);
    Operation loop = out.append("Loop", operands, Map.of("carried", Attribute.of(initial.size())), initial.size() + slices.size(),
        List.of(body));
    return loop.results().subList(1, loop.results().size());
  }

  /** Undoes {@link #enter} where the body can't be made. */
  void abandon() {
    out.into(around);
    body.dropUses();
  }
}
