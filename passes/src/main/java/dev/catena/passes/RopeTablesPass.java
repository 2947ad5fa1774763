package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.ReshapedWeight;
import dev.catena.ir.RowsWeight;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What meets activations and depends on each row's position alone, as cosines and sines of rotary positions and learned
 * embeddings of positions do, becomes rows of a table, whether the graph picks them from a constant (Gather, GatherElements, Slice) or computes angles
 * (MatMul, Mul, Cos, Sin). The value is evaluated over all positions; where that is what a constant of the graph holds, the
 * constant is the table, else the table is new. It is compared, bit for bit, with the value at other steps before it
 * takes its place, among them steps across each number that the value is computed from. What differs there depends on how
 * long the sequence is and is refused: keys that were turned before would have to be turned again.
 */
public final class RopeTablesPass extends Pass {
  private static final int CHUNK = 512;
  private static final long MOST_POSITIONS = 1 << 20;
  private static final long MOST_ELEMENTS = 1 << 28;
  /** Rows of a constant that a table may leave out. */
  private static final long MOST_LEFT_OUT = 16;

  public RopeTablesPass() {
    super("rope-tables", "values that depend on positions alone become rows of a table",
        PassOptions.number("positions", 4096, "rows of a table whose length no constant of the graph gives"));
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    List<Weight> made = new ArrayList<>();
    for (Stage stage : module.stages()) {
      if (!StepProbe.canProbe(stage)) {
        continue;
      }
      StepProbe probe = new StepProbe(stage);
      for (Operation op : List.copyOf(stage.operations())) {
        for (Value v : op.results()) {
          if (StepProbe.isFloat(v) && probe.dependsOnStepOnly(v) && meetsActivations(probe, v)
              && tabulate(module, stage, probe, v, options.number("positions"), made)) {
            context.count("rope-tables.tables", 1);
          }
        }
      }
      DeadCode.remove(stage);
    }
    module.removeUnusedWeights();
  }

  private static boolean meetsActivations(StepProbe probe, Value v) {
    return v.uses().stream().anyMatch(u -> u.user() != null && !u.user().is("onnx.Shape")
        && u.user().results().stream().noneMatch(probe::dependsOnStepOnly));
  }

  private static boolean tabulate(Module module, Stage stage, StepProbe probe, Value v, long otherwise,
      List<Weight> made) {
    Layout layout = Layout.of(probe, v);
    if (layout == null) {
      return false;
    }
    Set<Weight> constants = constants(v);
    TreeSet<Long> lengths = new TreeSet<>(Collections.reverseOrder());
    lengths.add(otherwise);
    constants.forEach(w -> w.data().tensorType().shape().forEach(d -> lengths.add(d.value())));
    long n = length(probe, v, layout, lengths);
    Tensor table = n < 2 ? null : table(probe, v, layout, n);
    if (table == null) {
      return false;
    }
    if (!agrees(probe, v, layout, table)) {
      throw new PassException(v.producer().origin() + ": gives positions what depends on how long the sequence is (dynamic NTK, or"
          + " LongRoPE's switch), and the cache would have to be computed again as it grows; choose a rope_scaling in config.json that is the"
          + " same for all lengths (linear, yarn, llama3, or none) and export again");
    }
    Weight weight = weight(module, table, constants, made);
    return replace(stage, v, layout, weight.value());
  }

  /** How many positions the value can be computed for: the longest of the lengths, or what lies before the next one. */
  private static long length(StepProbe probe, Value v, Layout layout, TreeSet<Long> lengths) {
    long tooLong = 0;
    for (long n : lengths) {
      if (n < 2 || n > MOST_POSITIONS || n * layout.width > MOST_ELEMENTS) {
        continue;
      }
      if (layout.row(probe, v, n - 1, 1) == null) {
        tooLong = n;
        continue;
      }
      long most = n;
      while (most + 1 < tooLong) {
        long middle = (most + tooLong) / 2;
        if (layout.row(probe, v, middle - 1, 1) != null) {
          most = middle;
        } else {
          tooLong = middle;
        }
      }
      return most;
    }
    return 0;
  }

  /** Where rows and width stand in the value's shape. */
  private record Layout(int rank, int rowAxis, long width) {
    static Layout of(StepProbe probe, Value v) {
      int rank = v.tensorType().rank();
      if (rank < 2 || rank > 4 || !v.tensorType().dim(-1).isKnown() || v.tensorType().dim(-1).value() < 1) {
        return null;
      }
      long width = v.tensorType().dim(-1).value();
      for (int axis = rank - 2; axis >= Math.max(0, rank - 3); axis--) {
        Layout layout = new Layout(rank, axis, width);
        if (layout.row(probe, v, 0, 3) != null && layout.row(probe, v, 2, 5) != null) {
          return layout;
        }
      }
      return null;
    }

    /** The value at a step as [rows, width], or null where it has another shape. */
    Tensor row(StepProbe probe, Value v, long past, long rows) {
      Tensor t = probe.rows(v, rowAxis, past, rows);
      if (t == null || t.rank() != rank || t.dim(-1) != width || t.size() != rows * width) {
        return null;
      }
      return t.reshaped(rows, width);
    }
  }

  private static Tensor table(StepProbe probe, Value v, Layout layout, long n) {
    Tensor table = new Tensor(v.tensorType().element(), n, layout.width);
    long chunk = probe.isFromStart() ? n : CHUNK; // what comes before a chunk would be computed with it
    for (long from = 0; from < n; from += chunk) {
      Tensor part = layout.row(probe, v, from, Math.min(chunk, n - from));
      if (part == null) {
        return null;
      }
      for (int i = 0; i < part.size(); i++) {
        table.copy((int) (from * layout.width) + i, part, i);
      }
    }
    return table;
  }

  private static boolean agrees(StepProbe probe, Value v, Layout layout, Tensor table) {
    long n = table.dim(0);
    List<long[]> steps = new ArrayList<>(List.of(new long[] {0, 1}, new long[] {0, n}, new long[] {1, 1},
        new long[] {n / 2, n - n / 2}, new long[] {n / 3, 2}, new long[] {n - 2, 2}));
    numbers(v).stream().filter(c -> c > 2 && c < n - 3).forEach(c -> steps.add(new long[] {c - 3, 6}));
    for (long[] step : steps) {
      long rows = Math.min(step[1], CHUNK / 2 + 1);
      Tensor part = step[0] + rows > n ? null : layout.row(probe, v, step[0], rows);
      for (int i = 0; part != null && i < part.size(); i++) {
        if (Double.compare(part.get(i), table.get((int) (step[0] * layout.width) + i)) != 0) {
          return false;
        }
      }
    }
    return true;
  }

  /** The large constants that the value is made of. */
  private static Set<Weight> constants(Value v) {
    Set<Weight> found = Collections.newSetFromMap(new IdentityHashMap<>());
    sources(v).stream().filter(s -> s.weight() != null && s.type() instanceof TensorType).forEach(s -> found.add(s.weight()));
    return found;
  }

  /** The whole numbers that the value is made of: where what it is may change. */
  private static Set<Long> numbers(Value v) {
    Set<Long> found = new TreeSet<>();
    for (Value source : sources(v)) {
      Tensor number = source.constant();
      if (number != null && number.size() == 1 && number.element() != ElementType.STRING && number.get(0) == Math.rint(number.get(0))
          && Math.abs(number.get(0)) <= MOST_POSITIONS) {
        found.add((long) Math.abs(number.get(0)));
      }
    }
    return found;
  }

  /** What the value is computed from, and what lies between. */
  private static Set<Value> sources(Value v) {
    Set<Value> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    Deque<Value> open = new ArrayDeque<>(List.of(v));
    while (!open.isEmpty()) {
      Value at = open.pop();
      if (seen.add(at) && at.producer() != null && !at.producer().is("onnx.Shape")) {
        at.producer().operands().stream().filter(o -> o != null).forEach(open::push);
      }
    }
    return seen;
  }

  private static Weight weight(Module module, Tensor table, Set<Weight> constants, List<Weight> made) {
    long[] shape = table.shape();
    for (Weight w : constants) {
      long[] wide = w.data().tensorType().staticShape();
      if (w.data().tensorType().element() == table.element() && Arrays.equals(Arrays.stream(wide).filter(d -> d != 1).toArray(),
          Arrays.stream(shape).filter(d -> d != 1).toArray()) && w.data().tensor().reshaped(shape).equals(table)) {
        return wide.length == 2 ? w : module.addWeight(w.name(), new ReshapedWeight(w.data(), shape));
      }
      if (wide.length == 2 && wide[1] == shape[1] && wide[0] > shape[0] && wide[0] - shape[0] <= MOST_LEFT_OUT
          && w.data().tensorType().element() == table.element()) {
        for (long from = 0; from <= wide[0] - shape[0]; from++) {
          WeightData rows = new RowsWeight(w.data(), from, from + shape[0]); // positions counted from 2, as OPT's are
          if (rows.tensor().equals(table)) {
            return module.addWeight(w.name(), rows);
          }
        }
      }
    }
    for (Weight w : made) {
      if (w.data().tensor().equals(table)) {
        return w;
      }
    }
    Weight w = module.addWeight("rope.table", new LiteralWeight(table));
    made.add(w);
    return w;
  }

  private static boolean replace(Stage stage, Value v, Layout layout, Value table) {
    Operation place = v.producer();
    Value positions = StepProbe.argument(stage, "positions");
    if (positions == null || positions.tensorType().rank() != 2 || !positions.tensorType().element().isInteger()) {
      if (StepProbe.argument(stage, "past_key") == null && !StepProbe.lacksPast(stage)) {
        return false; // nothing tells where the step begins
      }
      positions = positions(stage, place);
    }
    Value rows = stage.insertBefore(place, Dialects.get("nn.table_rows"), List.of(table, positions), Map.of())
        .setOrigin(place.origin()).result();
    boolean broadcast = v.uses().stream().allMatch(u -> u.user() != null && u.user().definition().has(Trait.ELEMENTWISE)
        && u.user().result().tensorType().rank() == 4);
    long[] ones = layout.rank == 4 ? new long[] {layout.rowAxis == 2 ? 1 : 2}
        : broadcast ? new long[] {layout.rowAxis == layout.rank - 2 ? 1 : 2} : null;
    if (ones != null) {
      rows = with(stage, place, "onnx.Unsqueeze", rows, ones);
    } else if (layout.rank == 2) {
      rows = with(stage, place, "onnx.Squeeze", rows, 0);
    }
    stage.replaceUses(v, rows);
    return true;
  }

  /** The positions as the past's length says them: one operation for all tables. */
  private static Value positions(Stage stage, Operation place) {
    for (Operation op : stage.operations()) {
      if (op.is("nn.positions")) {
        return op.result();
      }
    }
    Value past = StepProbe.argument(stage, "past_key");
    return stage.insertBefore(place, Dialects.get("nn.positions"),
        past == null ? List.of(StepProbe.rows(stage)) : List.of(StepProbe.rows(stage), past), Map.of())
        .setOrigin(place.origin()).result();
  }

  private static Value with(Stage stage, Operation place, String operation, Value x, long... axes) {
    Value list = stage.insertBefore(place, Dialects.get("onnx.Constant"), List.of(),
        Map.of("value", new Attribute.Dense(Tensor.i64(axes, axes.length)))).result();
    return stage.insertBefore(place, Dialects.get(operation), List.of(x, list), Map.of()).setOrigin(place.origin()).result();
  }
}
