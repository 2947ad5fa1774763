package dev.catena.tests.oracle;

import dev.catena.ir.Cache;
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
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A module run by the evaluator, stage after stage, over one sequence; at any point of the pipeline, with past tensors
 * before {@code kv-cache} and with a cache after it.
 */
public final class EvaluatedModel {
  private final Module module;
  private final Evaluator evaluator = new Evaluator();
  private final Map<Stage, Tensor> keys = new HashMap<>();
  private final Map<Stage, Tensor> values = new HashMap<>();
  private final Map<Stage, Cache> caches = new HashMap<>();
  private int past;

  public EvaluatedModel(Module module) {
    this.module = module;
  }

  /** Feeds the next tokens of the sequence. Returns the logits of each, {@code [ids.length][vocab]}. */
  public float[][] feed(int... ids) {
    long[] longs = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      longs[i] = ids[i];
    }
    Tensor x = Tensor.i64(longs, 1, ids.length);
    for (Stage stage : module.stages()) {
      x = run(stage, x, ids.length);
    }
    past += ids.length;
    float[] all = x.floats();
    float[][] rows = new float[ids.length][all.length / ids.length];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(all, r * rows[r].length, rows[r], 0, rows[r].length);
    }
    return rows;
  }

  private Tensor run(Stage stage, Tensor x, int rows) {
    List<EvalValue> arguments = new ArrayList<>();
    for (Value v : stage.arguments()) {
      arguments.add(v == stage.arguments().get(0) ? shaped(x, v.tensorType(), rows) : argument(stage, v, rows));
    }
    List<EvalValue> results = evaluator.run(stage, arguments);
    Tensor hidden = null;
    for (int i = 0; i < results.size(); i++) {
      String name = stage.outputNames().get(i);
      if (results.get(i) instanceof Cache c) {
        caches.put(stage, c);
      } else if (name.equals(stage.textAttribute("out.present_key"))) {
        keys.put(stage, (Tensor) results.get(i));
      } else if (name.equals(stage.textAttribute("out.present_value"))) {
        values.put(stage, (Tensor) results.get(i));
      } else {
        hidden = (Tensor) results.get(i);
      }
    }
    return hidden;
  }

  /** The rows of the stage before, as {@code [1, rows, …]} or as {@code [rows, …]}, whichever the stage takes. */
  private static Tensor shaped(Tensor x, TensorType wanted, int rows) {
    boolean ids = x.element().isInteger();
    long width = ids ? 1 : x.size() / rows;
    boolean batches = wanted.rank() == (ids ? 2 : 3);
    long[] shape = ids ? (batches ? new long[] {1, rows} : new long[] {rows})
        : batches ? new long[] {1, rows, width} : new long[] {rows, width};
    return x.cast(wanted.element()).reshaped(shape);
  }

  private EvalValue argument(Stage stage, Value v, int rows) {
    if (v.type() instanceof SeqsType) {
      return Sequences.single(past, rows);
    }
    if (v.type() instanceof KvType kv) {
      return caches.computeIfAbsent(stage, s -> Cache.empty(kv));
    }
    if (v.name().equals(stage.textAttribute("arg.mask"))) {
      return causal(v.tensorType().element(), rows);
    }
    if (v.name().equals(stage.textAttribute("arg.positions"))) {
      return positions(rows);
    }
    if (v.name().equals(stage.textAttribute("arg.past_key"))) {
      return keys.computeIfAbsent(stage, s -> noPast(v.tensorType()));
    }
    if (v.name().equals(stage.textAttribute("arg.past_value"))) {
      return values.computeIfAbsent(stage, s -> noPast(v.tensorType()));
    }
    throw new IllegalStateException("stage @" + stage.name() + ": what is %" + v.name() + " for?");
  }

  private Tensor causal(ElementType element, int rows) {
    int total = past + rows;
    if (element.isInteger()) {
      Tensor ones = new Tensor(element, 1, total);
      for (int i = 0; i < total; i++) {
        ones.setLong(i, 1);
      }
      return ones;
    }
    Tensor mask = new Tensor(element, 1, 1, rows, total);
    double lowest = element == ElementType.F16 ? -65504 : -Float.MAX_VALUE;
    for (int r = 0; r < rows; r++) {
      for (int t = past + r + 1; t < total; t++) {
        mask.set(r * total + t, lowest);
      }
    }
    return mask;
  }

  private Tensor positions(int rows) {
    Tensor positions = new Tensor(ElementType.I64, 1, rows);
    for (int r = 0; r < rows; r++) {
      positions.setLong(r, past + r);
    }
    return positions;
  }

  private static Tensor noPast(TensorType type) {
    return new Tensor(type.element(), 1, type.dim(1).value(), 0, type.dim(3).value());
  }
}
