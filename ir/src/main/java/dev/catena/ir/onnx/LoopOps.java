package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The loop that ONNX's Loop, Scan and recurrent layers become. Of its values the first {@code carried} go round: the body's
 * arguments are what they are now, and it gives whether to go on, what they are next, and slices that are stacked.
 */
final class LoopOps {
  static final OpDefinition LOOP = OpDefinition.named("onnx.Loop", "Runs body at most trips times (no operand: without a bound), as "
          + "long as the condition holds (no operand: it does at first). The first carried values go round: body takes all values and "
          + "gives whether to go on, the carried values' next versions, and slices. Gives the carried values' last versions, and each "
          + "slice's versions stacked along a new first axis. Element types and ranks stay.")
      .optional("trips").optional("condition").variadic("values").results("result")
      .attribute("carried", Attribute.Int.class)
      .region("body").traits(Trait.PURE)
      .regionTypes(LoopOps::inferBody).shape(LoopOps::infer).meaning(LoopOps::run).build();

  /** Rounds of inference behind which no size of what goes round is taken for known. */
  private static final int MOST_ROUNDS = 8;

  private LoopOps() {}

  private static int carried(Operation op) {
    long carried = op.intAttribute("carried");
    Block body = op.regions().get(0);
    if (carried < 0 || carried > op.regionOperands().size() || body.outputs().size() < carried + 1) {
      throw op.broken("carries " + carried + " of " + op.regionOperands().size() + " values, its body gives " + body.outputs().size());
    }
    return (int) carried;
  }

  /**
   * A dimension that differs from one round to the next becomes a symbol, and stays one: each round of inference makes at
   * least one more of them, and there are no more than dimensions. Where they come one by one, all become symbols in the end.
   */
  private static void inferBody(Operation op) {
    Block body = op.regions().get(0);
    List<Value> given = op.regionOperands();
    int carried = carried(op);
    for (int i = 0; i < given.size(); i++) {
      Value argument = body.arguments().get(i);
      argument.setType(i < carried ? merged(i, argument.type(), given.get(i).type()) : given.get(i).type());
      argument.setContents(i < carried ? null : given.get(i).contents());
    }
    boolean settled;
    int round = 0;
    do {
      body.inferTypes();
      settled = true;
      round++;
      for (int i = 0; i < carried; i++) {
        Value argument = body.arguments().get(i);
        TensorType wide = widened(op, i, argument.tensorType(), body.outputs().get(i + 1).tensorType(), round == MOST_ROUNDS);
        settled &= wide.equals(argument.type());
        argument.setType(wide);
      }
    } while (!settled);
  }

  private static Dim varying(int value, int axis) {
    return Dim.symbol("round_" + value + "_" + axis);
  }

  private static boolean varies(Dim d) {
    return d.symbols().stream().anyMatch(s -> s.contains("round_"));
  }

  /** The initial type, but for the dimensions that were found to vary before. */
  private static Type merged(int value, Type before, Type initial) {
    return before instanceof TensorType b && initial instanceof TensorType t && b.rank() == t.rank()
        ? t.withShape(IntStream.range(0, t.rank()).mapToObj(axis -> varies(b.dim(axis)) ? b.dim(axis) : t.dim(axis))
            .toList()) : initial;
  }

  private static TensorType widened(Operation op, int value, TensorType now, TensorType next, boolean all) {
    if (now.element() != next.element() || now.rank() != next.rank()) {
      throw op.broken("value " + value + " is " + now.text() + " and becomes " + next.text() + "; element type and rank must stay");
    }
    return now.withShape(IntStream.range(0, now.rank())
        .mapToObj(axis -> !all && now.dim(axis).equals(next.dim(axis)) ? now.dim(axis) : varying(value, axis)).toList());
  }

  private static List<Inferred> infer(Operation op) {
    Operands.single(op, 0, 1);
    requireElement(op, op.operand(0), ElementType.I64, "trips");
    requireElement(op, op.operand(1), ElementType.BOOL, "the condition");
    Block body = op.regions().get(0);
    int carried = carried(op);
    requireElement(op, body.outputs().get(0), ElementType.BOOL, "whether to go on");
    List<Inferred> results = new ArrayList<>();
    for (int i = 0; i < carried; i++) {
      TensorType inside = body.arguments().get(i).tensorType();
      List<Dim> shape = new ArrayList<>();
      for (int axis = 0; axis < inside.rank(); axis++) {
        shape.add(varies(inside.dim(axis)) ? OpaqueDims.of(op, i, axis) : outside(op, inside.dim(axis), i, axis));
      }
      results.add(Inferred.of(inside.withShape(shape)));
    }
    for (int i = carried; i < body.outputs().size() - 1; i++) {
      TensorType slice = body.outputs().get(i + 1).tensorType();
      List<Dim> shape = new ArrayList<>(List.of(rounds(op, i)));
      for (int axis = 0; axis < slice.rank(); axis++) {
        shape.add(outside(op, slice.dim(axis), i, axis + 1));
      }
      results.add(Inferred.of(slice.withShape(shape)));
    }
    return results;
  }

  private static void requireElement(Operation op, Value v, ElementType element, String what) {
    if (v != null && v.tensorType().element() != element) {
      throw op.broken(what + " is of type " + v.type().text() + ", " + element.keyword() + " is needed");
    }
  }

  /** A dimension of the body as it is called outside: one that the values from outside have, or a new symbol. */
  private static Dim outside(Operation op, Dim inside, int result, int axis) {
    if (inside.isKnown()) {
      return inside;
    }
    boolean known = op.regionOperands().stream().map(Value::type)
        .anyMatch(type -> type instanceof TensorType t && t.shape().stream().anyMatch(d -> d.symbols().containsAll(inside.symbols())));
    return known && !varies(inside) ? inside : OpaqueDims.of(op, result, axis);
  }

  private static Dim rounds(Operation op, int result) {
    Dim[] trips = Contents.of(op.operand(0));
    boolean all = isTrue(op.regions().get(0).outputs().get(0)) && (op.operand(1) == null || isTrue(op.operand(1)));
    return all && trips != null && trips.length == 1 && trips[0].isAtLeast(Dim.of(0)) ? trips[0] : OpaqueDims.of(op, result, 0);
  }

  private static boolean isTrue(Value v) {
    Dim[] contents = v.contents();
    return contents != null && contents.length == 1 && contents[0].is(1) || v.constant() != null && v.constant().size() == 1 && v.constant().getLong(0) != 0;
  }

  private static List<EvalValue> run(Operation op, List<EvalValue> in) {
    Block body = op.regions().get(0);
    int carried = carried(op);
    long trips = in.get(0) == null ? Long.MAX_VALUE : ((Tensor) in.get(0)).getLong(0);
    boolean goOn = in.get(1) == null || ((Tensor) in.get(1)).getLong(0) != 0;
    List<EvalValue> values = new ArrayList<>(in.subList(2, in.size()));
    List<List<Tensor>> slices = new ArrayList<>();
    body.outputs().subList(carried + 1, body.outputs().size()).forEach(v -> slices.add(new ArrayList<>()));
    for (long round = 0; round < trips && goOn; round++) {
      List<EvalValue> given = new Evaluator().run(body, values);
      goOn = ((Tensor) given.get(0)).getLong(0) != 0;
      for (int i = 0; i < carried; i++) {
        values.set(i, given.get(i + 1));
      }
      for (int i = 0; i < slices.size(); i++) {
        slices.get(i).add((Tensor) given.get(carried + 1 + i));
      }
    }
    List<EvalValue> results = new ArrayList<>(values.subList(0, carried));
    for (int i = 0; i < slices.size(); i++) {
      results.add(stacked(op, slices.get(i), body.outputs().get(carried + 1 + i).tensorType()));
    }
    return results;
  }

  private static Tensor stacked(Operation op, List<Tensor> slices, TensorType type) {
    long[] each = slices.isEmpty() ? type.shape().stream().mapToLong(d -> d.isKnown() ? d.value() : 0).toArray() : slices.get(0).shape();
    long[] shape = new long[each.length + 1];
    shape[0] = slices.size();
    System.arraycopy(each, 0, shape, 1, each.length);
    Tensor all = new Tensor(type.element(), shape);
    int at = 0;
    for (Tensor slice : slices) {
      if (!Arrays.equals(slice.shape(), each)) {
        throw op.broken("slices of shapes " + Arrays.toString(each) + " and " + Arrays.toString(slice.shape()) + " don't stack");
      }
      for (int i = 0; i < slice.size(); i++) {
        all.copy(at++, slice, i);
      }
    }
    return all;
  }
}
