package dev.catena.ir.kernel;

import dev.catena.ir.Attribute;
import dev.catena.ir.Cache;
import dev.catena.ir.Dim;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Sequences;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.nn.NnDialect;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Launches over planned buffers: what code generators print. Each means what the {@code nn} operations it was lowered
 * from mean. After {@code plan}, attribute {@code place} says where a result lives: {@code "arena OFFSET BYTES"}, or
 * {@code "output"}.
 */
public final class KernelDialect {
  public static final List<OpDefinition> OPERATIONS = List.of(
      like("nn.embedding").operand("ids").operand("table").attribute("element", Attribute.Element.class, null)
          .attribute("packed", Attribute.Flag.class, Attribute.of(false)).build(), // as the linear layer wants it whose matrix it is, too
      like("nn.select_rows").operand("x").operand("seqs").build(),
      like("nn.table_rows").operand("table").operand("positions").build(),
      like("nn.rms_norm").operand("x").operand("weight").attribute("eps", Attribute.Real.class).build(),
      like("nn.layer_norm").operand("x").operand("weight").optional("bias").attribute("eps", Attribute.Real.class)
          .attribute("parts", Attribute.Int.class, Attribute.of(1)).build(),
      like("nn.attention").operand("q").operand("cache").operand("seqs").optional("slopes").optional("sinks")
          .attribute("heads", Attribute.Int.class).attribute("scale", Attribute.Real.class)
          .attribute("window", Attribute.Int.class, Attribute.of(0)).attribute("softcap", Attribute.Real.class, Attribute.of(0.0))
          .build(),
      launch("kernel.linear", "x · Wᵀ (+ bias) (+ residual): [rows, k] and [n, k] give [rows, n].")
          .operand("x").operand("weight").optional("bias").optional("residual")
          .shape(op -> NnDialect.get("nn.linear").shape().infer(op)).meaning(KernelDialect::linear).build(),
      launch("kernel.rope_append",
              "Rotates q and k by their rows' positions (no tables: not at all) and writes k and v to the cache.")
          .operand("q").operand("k").operand("v").optional("cos").optional("sin").consumed("cache").operand("seqs")
          .result("rotated").result("cache")
          .attribute("heads", Attribute.Int.class).attribute("dim", Attribute.Int.class)
          .attribute("interleaved", Attribute.Int.class, Attribute.of(0))
          .shape(op -> List.of(Inferred.of(op.operand(0).type()), Inferred.of(op.operand(5).type())))
          .meaning(KernelDialect::ropeAppend).build(),
      launch("kernel.elementwise", "The nn operation of the function's name on each element: add(a, b), silu(x), swiglu(gate, up), with its number.")
          .variadic("operands")
          .attribute("function", Attribute.Text.class)
          .attribute("factor", Attribute.Real.class, null).attribute("cap", Attribute.Real.class, null)
          .traits(Trait.ELEMENTWISE, Trait.IN_PLACE)
          .shape(op -> List.of(Inferred.of(op.operand(0).type())))
          .meaning((op, in) -> NnDialect.get("nn." + op.textAttribute("function")).meaning().evaluate(op, in)).build(),
      OpDefinition.named("kernel.view", "Columns offset to offset + columns of x, where they lie.")
          .operand("x")
          .attribute("offset", Attribute.Int.class).attribute("columns", Attribute.Int.class)
          .traits(Trait.PURE, Trait.MOVES_DATA, Trait.VIEW)
          .shape(KernelDialect::viewShape).meaning(KernelDialect::view).build());

  private KernelDialect() {}

  private static OpDefinition.Builder launch(String name, String doc) {
    return OpDefinition.named(name, doc).attribute("place", Attribute.Text.class, null);
  }

  /** The launch that does what one {@code nn} operation does. */
  private static OpDefinition.Builder like(String nn) {
    OpDefinition of = NnDialect.get(nn);
    return launch("kernel." + nn.substring(3), of.doc()).shape(of.shape()).meaning(of.meaning());
  }

  private static List<EvalValue> linear(Operation op, List<EvalValue> in) {
    List<EvalValue> product = NnDialect.get("nn.linear").meaning().evaluate(op, in.subList(0, Math.min(3, in.size())));
    return in.size() > 3 && in.get(3) != null
        ? NnDialect.get("nn.add").meaning().evaluate(op, List.of(in.get(3), product.get(0))) : product;
  }

  private static List<EvalValue> ropeAppend(Operation op, List<EvalValue> in) {
    EvalValue q = in.get(0);
    EvalValue k = in.get(1);
    if (in.get(3) != null) {
      OpDefinition.Meaning rope = NnDialect.get("nn.rope").meaning();
      q = rope.evaluate(op, Arrays.asList(q, in.get(3), in.get(4), in.get(6))).get(0);
      k = rope.evaluate(op, Arrays.asList(k, in.get(3), in.get(4), in.get(6))).get(0);
    }
    return List.of(q, ((Cache) in.get(5)).append((Tensor) k, (Tensor) in.get(2), (Sequences) in.get(6)));
  }

  private static List<Inferred> viewShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    long end = op.intAttribute("offset") + op.intAttribute("columns");
    if (op.intAttribute("offset") < 0 || end > x.dim(-1).value()) {
      throw op.broken("columns up to " + end + " of " + x.text());
    }
    List<Dim> shape = new ArrayList<>(x.shape());
    shape.set(shape.size() - 1, Dim.of(op.intAttribute("columns")));
    return List.of(Inferred.of(x.withShape(shape)));
  }

  private static List<EvalValue> view(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    int width = (int) x.dim(-1);
    int columns = (int) op.intAttribute("columns");
    long[] shape = x.shape();
    shape[shape.length - 1] = columns;
    Tensor out = new Tensor(x.element(), shape);
    for (int i = 0; i < out.size(); i++) {
      out.copy(i, x, i / columns * width + (int) op.intAttribute("offset") + i % columns);
    }
    return List.of(out);
  }
}
