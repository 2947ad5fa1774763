package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.any;
import static dev.catena.passes.rules.Patterns.attribute;
import static dev.catena.passes.rules.Patterns.constantOfRank;
import static dev.catena.passes.rules.Patterns.either;
import static dev.catena.passes.rules.Patterns.ints;
import static dev.catena.passes.rules.Patterns.knownIntegers;
import static dev.catena.passes.rules.Patterns.lastAxis;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.v;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.ReshapedWeight;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.List;
import java.util.Map;

/**
 * Rotary positions. First the tables: whatever way an exporter picks the rows of a constant table becomes
 * {@code nn.table_rows}; then the rotation itself. Slicing a table to the total length before picking rows changes
 * nothing where positions lie below that length, which is the stage's assumption on positions.
 */
public final class RopeRules {
  private static final Pattern HEADS =
      op("onnx.Transpose", op("onnx.Reshape", v("x"), v("shape"))).where(attribute("perm", 0, 2, 1, 3)).as("t");
  private static final Pattern ROTATED_HALVES = op("onnx.Concat",
      op("onnx.Neg", op("onnx.Slice", v("t"), v("start"), v("end"), v("axis2"), ints(1))),
      op("onnx.Slice", v("t"), ints(0), v("start"), v("axis1"), ints(1))).where(Patterns::lastAxis);

  private static final Pattern CUT_4D =
      op("onnx.Slice", v("table", constantOfRank(4)), ints(0), any(), ints(2), ints(1)).as("cut");

  public static final List<Rule> RULES = List.of(
      new Rule("table_slice", "Rows of a table that was cut to the total length: the cut changes nothing.",
          op("onnx.Gather", op("onnx.Slice", v("table", constantOfRank(2)), ints(0), any(), ints(0), ints(1)),
              v("positions", RopeRules::isPositions)).where(o -> o.intAttribute("axis", 0) == 0),
          RopeRules::emitTableRows),
      new Rule("table_gather", "Rows of a whole table.",
          op("onnx.Gather", v("table", constantOfRank(2)), v("positions", RopeRules::isPositions))
              .where(o -> o.intAttribute("axis", 0) == 0 && o.operand(0).tensorType().element().isFloat()),
          m -> m.value("positions").tensorType().rank() == 2 && m.value("positions").uses().size() > 1,
          RopeRules::emitTableRows),
      new Rule("table_gather_elements", "torch.gather on a table [1, 1, rows, dim], repeated for a batch or not, with the positions tiled over dim.",
          op("onnx.GatherElements", either(CUT_4D, op("onnx.Tile", CUT_4D, any())).as("rows"),
              op("onnx.Tile", op("onnx.Unsqueeze", op("onnx.Unsqueeze", v("positions", RopeRules::isPositions), ints(1)),
                  ints(3)), any())).where(o -> o.intAttribute("axis", 0) == 2),
          RopeRules::tilesOverColumns, RopeRules::emitGatheredElements),
      new Rule("rope", "x · cos + rotate_half(x) · sin on heads [b, heads, s, dim] becomes a rotation of rows.",
          op("onnx.Add",
              op("onnx.Mul", HEADS, op("onnx.Unsqueeze", op("nn.table_rows", v("cos"), v("positions")), ints(1))),
              op("onnx.Mul", ROTATED_HALVES,
                  op("onnx.Unsqueeze", op("nn.table_rows", v("sin"), v("positions")), ints(1)))),
          RopeRules::cutsInHalves, RopeRules::emitRope));

  private RopeRules() {}

  private static boolean isPositions(Value v) {
    return v.tensorType().element().isInteger() && v.constant() == null;
  }

  private static void emitTableRows(Match m, Rewrite rw) {
    rw.replaceRoot(rw.op("nn.table_rows", Map.of(), rw.asWeight(m.value("table")), m.value("positions")).result());
  }

  private static boolean tilesOverColumns(Match m) {
    TensorType table = m.value("table").tensorType();
    TensorType rows = m.value("rows").tensorType();
    TensorType cut = m.value("cut").tensorType();
    return table.dim(0).is(1) && table.dim(1).is(1) && m.value("positions").tensorType().rank() == 2
        && rows.shape().subList(1, 4).equals(cut.shape().subList(1, 4));
  }

  private static void emitGatheredElements(Match m, Rewrite rw) {
    TensorType index = rw.root().operand(1).tensorType();
    TensorType table = m.value("table").tensorType();
    if (!index.dim(-1).equals(table.dim(-1))) {
      return;
    }
    Value flat = rw.weight(rw.asWeight(m.value("table")).weight().name(),
        new ReshapedWeight(rw.asWeight(m.value("table")).weight().data(), table.dim(2).value(), table.dim(3).value()));
    Operation rows = rw.op("nn.table_rows", Map.of(), flat, m.value("positions"));
    Operation axes = rw.op("onnx.Constant",
        Map.of("value", new Attribute.Dense(dev.catena.ir.Tensor.i64(new long[] {1}, 1))));
    rw.replaceRoot(rw.op("onnx.Unsqueeze", Map.of(), rows.result(), axes.result()).result());
  }

  private static boolean cutsInHalves(Match m) {
    TensorType heads = m.value("t").tensorType();
    long[] start = knownIntegers(m.value("start"));
    long[] end = knownIntegers(m.value("end"));
    if (start == null || end == null || !heads.dim(-1).isKnown() || start.length != 1) {
      return false;
    }
    long dim = heads.dim(-1).value();
    return 2 * start[0] == dim && end[0] >= dim && isLast(m.value("axis1"), heads) && isLast(m.value("axis2"), heads)
        && m.value("cos").tensorType().dim(-1).is(dim) && m.value("sin").tensorType().dim(-1).is(dim);
  }

  private static boolean isLast(Value axes, TensorType type) {
    long[] known = knownIntegers(axes);
    return known != null && known.length == 1 && (known[0] == -1 || known[0] == type.rank() - 1);
  }

  private static void emitRope(Match m, Rewrite rw) {
    Dim dim = m.value("t").tensorType().dim(-1);
    Operation rope = rw.op("nn.rope", Map.of("dim", Attribute.of(dim.value())), m.value("x"), m.value("cos"),
        m.value("sin"), m.value("positions"));
    Operation reshape = rw.op("onnx.Reshape", Map.of(), rope.result(), m.value("shape"));
    rw.replaceRoot(rw.op("onnx.Transpose", Map.of("perm", Attribute.ints(0, 2, 1, 3)), reshape.result()).result());
  }
}
