package dev.catena.passes.rules;

import static dev.catena.passes.rules.Patterns.any;
import static dev.catena.passes.rules.Patterns.op;
import static dev.catena.passes.rules.Patterns.v;

import dev.catena.ir.Value;
import java.util.List;
import java.util.stream.LongStream;

/** Links that change nothing. */
public final class CleanRules {
  public static final List<Rule> RULES = List.of(
      new Rule("identity", "Identity is its operand.",
          op("onnx.Identity", v("x")), (m, rw) -> rw.replaceRoot(m.value("x"))),
      new Rule("cast_to_same", "A Cast to the type that is already there is its operand; fp32 exports keep many.",
          op("onnx.Cast", v("x")).where(o -> o.result().type().equals(o.operand(0).type())),
          (m, rw) -> rw.replaceRoot(m.value("x"))),
      new Rule("reshape_to_same", "A Reshape to the shape that is already there is its operand.",
          op("onnx.Reshape", v("x"), any()).where(o -> o.result().type().equals(o.operand(0).type())),
          (m, rw) -> rw.replaceRoot(m.value("x"))),
      new Rule("expand_to_same", "An Expand to the shape that is already there is its operand.",
          op("onnx.Expand", v("x"), any()).where(o -> o.result().type().equals(o.operand(0).type())),
          (m, rw) -> rw.replaceRoot(m.value("x"))),
      new Rule("tile_once", "A Tile that repeats every axis once is its operand.",
          op("onnx.Tile", v("x"), v("repeats", CleanRules::allOnes)),
          (m, rw) -> rw.replaceRoot(m.value("x"))),
      new Rule("transpose_to_same", "A Transpose that keeps the order of axes is its operand.",
          op("onnx.Transpose", v("x")).where(o -> o.hasAttribute("perm") && o.intsAttribute("perm")
              .equals(LongStream.range(0, o.result().tensorType().rank()).boxed().toList())),
          (m, rw) -> rw.replaceRoot(m.value("x"))));

  private CleanRules() {}

  private static boolean allOnes(Value repeats) {
    long[] known = Patterns.knownIntegers(repeats);
    return known != null && LongStream.of(known).allMatch(r -> r == 1);
  }
}
