package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Cache;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.KvType;
import dev.catena.ir.Module;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Sequences;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Runs the stages of two modules on the same random numbers and compares what both give. Where a pass changes the
 * interface (past tensors become a cache), both see one sequence without a past: masks are causal, positions count from 0.
 */
final class GoldenEvaluation {
  private static final int ROWS = 3;
  private static final double MASKED = -1e9;

  private final double tolerance;

  GoldenEvaluation(double tolerance) {
    this.tolerance = tolerance;
  }

  void compare(Module before, Module after) {
    for (int s = 0; s < before.stages().size(); s++) {
      Stage a = before.stages().get(s);
      Stage b = after.stages().get(s);
      List<EvalValue> expected = new Evaluator().run(a, arguments(a));
      List<EvalValue> actual = new Evaluator().run(b, arguments(b));
      int compared = 0;
      for (int i = 0; i < expected.size(); i++) {
        int j = b.outputNames().indexOf(a.outputNames().get(i));
        if (j >= 0 && expected.get(i) instanceof Tensor x && actual.get(j) instanceof Tensor y) {
          same(a.outputNames().get(i), x, y);
          compared++;
        }
      }
      assertTrue(compared > 0, "stage @" + a.name() + " has no output in common");
    }
  }

  private void same(String name, Tensor expected, Tensor actual) {
    assertEquals(expected.size(), actual.size(), "elements of " + name);
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i), actual.get(i), tolerance * (1 + Math.abs(expected.get(i))), name + " at " + i);
    }
  }

  private static List<EvalValue> arguments(Stage stage) {
    List<EvalValue> all = new ArrayList<>();
    for (Value v : stage.arguments()) {
      all.add(argument(stage, v));
    }
    return all;
  }

  private static EvalValue argument(Stage stage, Value v) {
    Type type = v.type();
    if (type instanceof SeqsType) {
      return Sequences.single(0, ROWS);
    }
    if (type instanceof KvType kv) {
      return Cache.empty(kv);
    }
    TensorType t = (TensorType) type;
    Tensor tensor = new Tensor(t.element(), t.shape().stream().mapToLong(GoldenEvaluation::size).toArray());
    if (v.name().equals(stage.textAttribute("arg.mask"))) {
      int total = (int) tensor.dim(-1);
      for (int i = 0; i < tensor.size(); i++) {
        tensor.set(i, i % total > i / total % (int) tensor.dim(-2) ? MASKED : 0);
      }
      return tensor;
    }
    Random random = new Random(v.name().hashCode());
    for (int i = 0; i < tensor.size(); i++) {
      if (v.name().equals(stage.textAttribute("arg.positions"))) {
        tensor.setLong(i, i);
      } else if (t.element().isFloat()) {
        tensor.set(i, random.nextGaussian());
      } else {
        tensor.setLong(i, random.nextInt(t.element() == ElementType.BOOL ? 2 : 4));
      }
    }
    return tensor;
  }

  /** Symbols stand for as many rows, except the past, which is empty. */
  private static long size(Dim d) {
    if (d.isKnown()) {
      return d.value();
    }
    long n = 0;
    for (String term : d.toString().split(" \\+ ")) {
      n += term.equals("?past") ? 0 : term.startsWith("?") ? ROWS : Long.parseLong(term);
    }
    return n;
  }
}
