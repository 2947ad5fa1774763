package dev.catena.ir.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.IrException;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What shape functions know about symbolic dimensions and about shape arithmetic. */
class ShapeFunctionsTest {
  private static final Dim SEQ = Dim.symbol("seq");
  private static final Dim PAST = Dim.symbol("past");

  private final Stage stage = new Stage("s");

  private Value argument(ElementType e, Object... dims) {
    List<Dim> shape = Arrays.stream(dims).map(d -> d instanceof Dim s ? s : Dim.of(((Number) d).longValue())).toList();
    return stage.addArgument("a" + stage.arguments().size(), new TensorType(e, shape));
  }

  private Value f32(Object... dims) {
    return argument(ElementType.F32, dims);
  }

  private Value literal(long... values) {
    return op("Constant", Map.of("value", new Attribute.Dense(Tensor.i64(values, values.length))));
  }

  private Value scalar(long value) {
    return op("Constant", Map.of("value", new Attribute.Dense(Tensor.i64(new long[] {value}))));
  }

  private Value op(String name, Map<String, Attribute> attributes, Value... operands) {
    return stage.append(Dialects.get("onnx." + name), Arrays.asList(operands), attributes, 1).result();
  }

  private Value op(String name, Value... operands) {
    return op(name, Map.of(), operands);
  }

  private static Map<String, Attribute> axis(long axis) {
    return Map.of("axis", Attribute.of(axis));
  }

  private static void is(String text, Value v) {
    assertEquals(text, v.type().text());
  }

  private static void holds(String text, Value v) {
    assertEquals(text, Arrays.toString(v.contents()));
  }

  @Test
  void broadcastingKeepsTheKnownAndTheFirst() {
    is("tensor<f32, [1, 4, ?seq, ?past]>", op("Add", f32(1, 4, SEQ, PAST), f32(1, 1, SEQ, Dim.symbol("total"))));
    is("tensor<f32, [?seq, 64]>", op("Mul", f32(64), f32(SEQ, 64)));
    is("tensor<f32, [?seq, 64]>", op("Mul", f32(SEQ, 1), f32(64)));
    is("tensor<bool, [7]>", op("Equal", f32(SEQ), f32(7)));
    IrException e = assertThrows(IrException.class, () -> op("Add", f32(3), f32(4)));
    assertEquals("onnx.Add: shapes [3] and [4] don't broadcast", e.getMessage());
  }

  @Test
  void concatAddsDimensions() {
    Value c = op("Concat", axis(2), f32(1, 2, PAST, 16), f32(1, 2, SEQ, 16));
    is("tensor<f32, [1, 2, ?past + ?seq, 16]>", c);
    holds("[1, 2, ?past + ?seq, 16]", op("Shape", c));
    assertThrows(IrException.class, () -> op("Concat", axis(0), f32(1, 2), f32(1, 3)));
  }

  /** The chain an exporter writes for x.view(b, s, heads, -1). */
  @Test
  void shapesComputedInTheGraphAreSeenThrough() {
    Value x = f32(Dim.symbol("b"), SEQ, 64);
    Value shape = op("Shape", x);
    Value b = op("Unsqueeze", op("Gather", axis(0), shape, scalar(0)), literal(0));
    Value s = op("Unsqueeze", op("Gather", axis(0), shape, scalar(1)), literal(0));
    Value wanted = op("Concat", axis(0), b, s, literal(4), literal(-1));
    holds("[?b, ?seq, 4, -1]", wanted);
    is("tensor<f32, [?b, ?seq, 4, 16]>", op("Reshape", x, wanted));
  }

  @Test
  void reshapeDividesExactlyWhereItCan() {
    Value x = f32(1, 2, 2, PAST.plus(SEQ), 16);
    Value wanted = op("Concat", axis(0), literal(1, 4), op("Slice", op("Shape", x), literal(3), literal(4)), literal(-1));
    is("tensor<f32, [1, 4, ?past + ?seq, 16]>", op("Reshape", x, wanted));
    is("tensor<f32, [?seq, 2, 32]>", op("Reshape", f32(SEQ, 64), literal(0, 2, -1)));
    is("tensor<f32, [64*?seq]>", op("Reshape", f32(SEQ, 64), literal(-1)));
    assertThrows(IrException.class, () -> op("Reshape", f32(3, 4), literal(5, -1)));
    assertThrows(IrException.class, () -> op("Reshape", f32(3, 4), literal(2, 7)));
    assertThrows(IrException.class, () -> op("Reshape", f32(3), literal(3, 0)));
  }

  @Test
  void sliceOfSymbolicDimensions() {
    Value to = op("Unsqueeze", op("Add", op("Gather", axis(0), op("Shape", f32(PAST)), scalar(0)),
        op("Gather", axis(0), op("Shape", f32(SEQ)), scalar(0))), literal(0));
    Value table = f32(128, 16);
    is("tensor<f32, [min(128, ?past + ?seq), 16]>", op("Slice", table, literal(0), to, literal(0)));
    Value x = f32(1, SEQ, 64);
    is("tensor<f32, [1, ?seq, 32]>", op("Slice", x, literal(32), literal(Long.MAX_VALUE), literal(2)));
    is("tensor<f32, [1, ?seq, 32]>", op("Slice", x, literal(0), literal(-32), literal(-1)));
    is("tensor<f32, [1, min(1, ?seq), 64]>", op("Slice", x, literal(-1), literal(Long.MAX_VALUE), literal(1)));
    is("tensor<f32, [1, ?seq, 64]>", op("Slice", x, literal(0), literal(Integer.MAX_VALUE), literal(1)));
    is("tensor<f32, [1, max(0, ?seq - 1), 64]>", op("Slice", x, literal(1), literal(Long.MAX_VALUE), literal(1)));
    Value all = f32(PAST.plus(SEQ));
    Value past = op("Shape", f32(PAST));
    is("tensor<f32, [?seq]>", op("Slice", all, past, to));
    holds("[?seq]", op("Slice", op("Shape", x), literal(1), literal(2)));
    is("tensor<f32, [3]>", op("Slice", f32(10), literal(-1), literal(Long.MIN_VALUE), literal(0), literal(-4)));
  }

  /** repeat_kv: Expand by Where(shape = -1, 1, shape). */
  @Test
  void expandByTheExportersIdiom() {
    Value x = f32(1, 2, 1, PAST.plus(SEQ), 16);
    Value total = op("Slice", op("Shape", x), literal(3), literal(4));
    Value shape = op("Reshape", op("Concat", axis(0), literal(1, 2, 2), total, literal(16)), literal(-1));
    Value ones = op("ConstantOfShape", Map.of("value", new Attribute.Dense(Tensor.i64(new long[] {1}, 1))), op("Shape", shape));
    Value minus = op("Mul", ones, scalar(-1));
    Value equal = op("Equal", shape, minus);
    holds("[0, 0, 0, 0, 0]", equal);
    is("tensor<f32, [1, 2, 2, ?past + ?seq, 16]>", op("Expand", x, op("Where", equal, ones, shape)));
  }

  @Test
  void comparisonsAreDecidedOnlyWhereEverySizeAgrees() {
    Value seq = op("Shape", f32(SEQ));
    Value both = op("Shape", f32(PAST.plus(SEQ)));
    holds("[1]", op("LessOrEqual", seq, both));
    holds("[0]", op("Less", both, seq));
    assertNull(op("Equal", seq, both).contents(), "equal where past is 0");
    assertNull(op("Equal", seq, literal(1)).contents());
    holds("[1]", op("Not", op("Equal", seq, literal(-1))));
  }

  @Test
  void arithmeticOnContents() {
    Value seq = op("Shape", f32(SEQ));
    holds("[32]", op("Div", op("Shape", f32(64)), literal(2)));
    holds("[?seq]", op("Div", op("Mul", seq, literal(4)), literal(4)));
    holds("[floordiv(?seq, 2)]", op("Div", seq, literal(2)));
    holds("[-3]", op("Div", literal(-7), literal(2)));
    assertNull(op("Div", seq, literal(0)).contents());
    assertNull(op("Mul", literal(Long.MAX_VALUE), literal(2)).contents(), "overflow");
    holds("[?seq]", op("Cast", Map.of("to", new Attribute.Element(ElementType.I32)), seq));
    holds("[2*?seq]", op("ReduceProd", op("Shape", f32(2, SEQ))));
  }

  @Test
  void rangeOfSizes() {
    Value seq = op("Gather", axis(0), op("Shape", f32(SEQ)), scalar(0));
    Value total = op("Add", seq, op("Gather", axis(0), op("Shape", f32(PAST)), scalar(0)));
    is("tensor<i64, [?seq]>", op("Range", scalar(0), seq, scalar(1)));
    is("tensor<i64, [?past]>", op("Range", seq, total, scalar(1)));
    holds("[2, 4, 6]", op("Range", scalar(2), scalar(7), scalar(2)));
  }

  /** What can't be known gets a name that stays the same when types are inferred again. */
  @Test
  void dataDependentShapesGetStableNames() {
    Value wanted = argument(ElementType.I64, 3);
    Value y = op("Reshape", f32(SEQ, 4), wanted);
    TensorType first = y.tensorType();
    assertEquals(3, first.rank());
    assertEquals(3, first.shape().stream().distinct().count());
    y.producer().operand(1).rename("renamed");
    stage.inferTypes();
    assertEquals(first, y.tensorType());
  }

  /**
   * Whatever operands and attributes an operation is given: a type, or an error of the IR that names the operation. And
   * where it has a type, evaluating it gives a tensor of that type, or again such an error.
   */
  @Test
  void noShapeFunctionFailsOtherwiseThanByAnIrError() {
    Random random = new Random(3);
    int inferred = 0;
    int broken = 0;
    int evaluated = 0;
    for (int round = 0; round < 300; round++) {
      for (OpDefinition d : OnnxDialect.OPERATIONS) {
        List<Value> operands = new ArrayList<>();
        for (OpDefinition.OperandSpec spec : d.operands()) {
          int n = spec.arity() == OpDefinition.Arity.VARIADIC ? random.nextInt(4) : 1;
          for (int i = 0; i < n; i++) {
            operands.add(spec.arity() == OpDefinition.Arity.OPTIONAL && random.nextBoolean() ? null : any(random));
          }
        }
        Map<String, Attribute> attributes = new LinkedHashMap<>();
        for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
          if (spec.required() || random.nextBoolean()) {
            attributes.put(spec.name(), any(random, spec.kind()));
          }
        }
        int results = d.results().get(0).arity() == OpDefinition.Arity.VARIADIC ? 1 + random.nextInt(3) : d.results().size();
        try {
          Operation op = stage.append(d, operands, attributes, results);
          for (Value r : op.results()) {
            assertTrue(r.contents() == null || r.contents().length == Contents.smallCount(r.tensorType()), op.toString());
            assertTrue(r.tensorType().shape().stream().noneMatch(x -> x.isKnown() && x.value() < 0), op.toString());
          }
          inferred++;
          evaluated += evaluate(op, random) ? 1 : 0;
        } catch (IrException e) {
          assertTrue(e.getMessage().startsWith(d.name() + ": "), e.getMessage());
          broken++;
        } catch (ArithmeticException e) {
          broken++; // sizes beyond 64 bits; the importer names the node
        }
      }
    }
    assertTrue(inferred > 3000 && broken > 3000 && evaluated > 1000,
        inferred + " inferred, " + broken + " refused, " + evaluated + " evaluated");
  }

  /** False where an operand isn't static, or where the operation refuses the elements. */
  private static boolean evaluate(Operation op, Random random) {
    List<EvalValue> in = new ArrayList<>();
    for (Value v : op.operands()) {
      if (v != null && !v.tensorType().isStatic()) {
        return false;
      }
      in.add(v == null ? null : v.constant() != null ? v.constant() : tensor(v.tensorType(), random));
    }
    List<EvalValue> out;
    try {
      out = op.definition().meaning().evaluate(op, in);
    } catch (IrException e) {
      return false;
    } catch (RuntimeException e) {
      throw new AssertionError(op + " over " + in, e);
    }
    for (int i = 0; i < op.results().size(); i++) {
      Tensor got = (Tensor) out.get(i);
      TensorType type = op.result(i).tensorType();
      String what = op + " over " + in + " gives " + got;
      assertEquals(type.element(), got.element(), what);
      assertEquals(type.rank(), got.rank(), what);
      for (int a = 0; a < type.rank(); a++) {
        assertTrue(!type.dim(a).isKnown() || type.dim(a).value() == got.dim(a), what);
      }
      Dim[] contents = op.result(i).contents();
      for (int j = 0; contents != null && j < contents.length; j++) {
        assertTrue(!contents[j].isKnown() || contents[j].value() == got.getLong(j), what);
      }
    }
    return true;
  }

  private static Tensor tensor(TensorType type, Random random) {
    Tensor t = new Tensor(type.element(), type.staticShape());
    for (int i = 0; i < t.size(); i++) {
      t.setLong(i, random.nextInt(4) - 1);
    }
    return t;
  }

  private Value any(Random random) {
    switch (random.nextInt(4)) {
      case 0 -> {
        long[] values = random.longs(random.nextInt(5), -3, 5).toArray();
        return literal(values);
      }
      case 1 -> {
        return scalar(random.nextInt(8) == 0 ? Long.MIN_VALUE : random.nextInt(5) - 2);
      }
      default -> {
        Object[] dims = new Object[random.nextInt(5)];
        for (int i = 0; i < dims.length; i++) {
          dims[i] = new Object[] {SEQ, PAST, 0, 1, 2, 3}[random.nextInt(6)];
        }
        ElementType[] types = {ElementType.F32, ElementType.F32, ElementType.I64, ElementType.BOOL, ElementType.F16};
        return argument(types[random.nextInt(types.length)], dims);
      }
    }
  }

  private static Attribute any(Random random, Class<? extends Attribute> kind) {
    if (kind == Attribute.Int.class) {
      return Attribute.of(random.nextInt(7) - 3);
    } else if (kind == Attribute.Real.class) {
      return Attribute.of(random.nextDouble());
    } else if (kind == Attribute.Text.class) {
      return Attribute.of(random.nextBoolean() ? "none" : "odd");
    } else if (kind == Attribute.Ints.class) {
      return Attribute.ints(random.longs(random.nextInt(4), -2, 4).toArray());
    } else if (kind == Attribute.Element.class) {
      return new Attribute.Element(ElementType.values()[random.nextInt(ElementType.values().length)]);
    }
    return new Attribute.Dense(Tensor.i64(new long[] {random.nextInt(5)}, 1));
  }
}
