package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.KvType;
import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * From {@code nn} to launches: a residual joins the linear layer before it, rotation joins the cache write, splits
 * become views. Vectors (norm weights, biases) are stored in f32, which costs nothing. A table that is a linear layer's
 * matrix, too, is looked up where it lies packed for that.
 */
public final class LowerPass extends Pass {
  public LowerPass() {
    super("lower", "lower nn operations to kernel launches");
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Map<Weight, Value> inF32 = new HashMap<>();
    Set<Weight> matrices = matrices(module);
    for (Stage stage : module.stages()) {
      for (Operation op : List.copyOf(stage.operations())) {
        boolean packed = op.is("nn.embedding") && matrices.contains(op.operand(1).weight());
        if (packed) {
          context.count("lower.tied_tables", 1);
        }
        lower(module, stage, op, packed, inF32, context);
      }
      joinResiduals(stage, context);
      DeadCode.remove(stage);
      requireLaunches(stage);
      context.count("lower.launches",
          (int) stage.operations().stream().filter(o -> !o.definition().has(Trait.VIEW)).count());
    }
    module.removeUnusedWeights();
  }

  private static Set<Weight> matrices(Module module) {
    Set<Weight> matrices = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Stage stage : module.stages()) {
      stage.operations().stream().filter(op -> op.is("nn.linear") && op.operand(1).weight() != null)
          .forEach(op -> matrices.add(op.operand(1).weight()));
    }
    return matrices;
  }

  private static void lower(Module module, Stage stage, Operation op, boolean packed, Map<Weight, Value> inF32, PassContext context) {
    String name = op.name().substring(op.name().indexOf('.') + 1);
    OpDefinition kernel = Dialects.find("kernel." + name);
    if (op.is("nn.split")) {
      splitToViews(stage, op);
    } else if (op.is("nn.attention")) {
      lowerAttention(module, stage, op, inF32, context); // with the rotation and the cache write before it
    } else if (kernel != null && op.definition() != kernel) { // a launch of the same name takes the same operands first
      List<Value> operands = new ArrayList<>();
      op.operands().forEach(v -> operands.add(v == null ? null : f32(module, v, inF32)));
      while (operands.size() < kernel.operands().size()) {
        operands.add(null);
      }
      Map<String, Attribute> attributes = new HashMap<>(op.attributes());
      if (packed) {
        attributes.put("packed", Attribute.of(true));
      }
      replace(stage, op, kernel, operands, attributes);
    } else if (op.definition().dialect().equals("nn") && op.definition().has(Trait.ELEMENTWISE)) {
      Map<String, Attribute> attributes = new HashMap<>(op.attributes());
      attributes.put("function", Attribute.of(name));
      replace(stage, op, Dialects.get("kernel.elementwise"), op.operands(), attributes);
    }
  }

  private static void requireLaunches(Stage stage) {
    for (Operation op : stage.operations()) {
      if (!op.definition().dialect().equals("kernel")) {
        throw new PassException("lower: stage @" + stage.name() + ": " + op.name() + " (" + op.origin()
            + ") has no kernel");
      }
    }
  }

  private static void replace(Stage stage, Operation op, OpDefinition kernel, List<Value> operands,
      Map<String, Attribute> attributes) {
    Operation launch = stage.insertBefore(op, kernel, operands, attributes);
    launch.setOrigin(op.origin()).result().rename(op.result().name());
    stage.replaceUses(op.result(), launch.result());
    stage.remove(op);
  }

  /** A vector of weights in f32; anything else as it is. */
  private static Value f32(Module module, Value vector, Map<Weight, Value> inF32) {
    if (vector.weight() == null || !(vector.type() instanceof TensorType t) || t.rank() != 1
        || !t.element().isFloat() || t.element() == ElementType.F32) {
      return vector;
    }
    return inF32.computeIfAbsent(vector.weight(),
        w -> module.addWeight(w.name() + ".f32", new CastWeight(w.data(), ElementType.F32)).value());
  }

  private static void splitToViews(Stage stage, Operation split) {
    long offset = 0;
    List<Long> sizes = split.intsAttribute("sizes");
    for (int i = 0; i < sizes.size(); i++) {
      Operation view = stage.insertBefore(split, Dialects.get("kernel.view"), List.of(split.operand(0)),
          Map.of("offset", Attribute.of(offset), "columns", Attribute.of(sizes.get(i))));
      view.setOrigin(split.origin());
      stage.replaceUses(split.result(i), view.result());
      offset += sizes.get(i);
    }
    stage.remove(split);
  }

  private static void lowerAttention(Module module, Stage stage, Operation attention, Map<Weight, Value> inF32, PassContext context) {
    Operation append = attention.operand(1).producer();
    if (append == null || !append.is("nn.kv_append")) {
      throw new PassException("lower: stage @" + stage.name() + ": nothing is written to the cache before "
          + attention.name() + " (" + attention.origin() + ") reads it");
    }
    Operation q = rope(attention.operand(0));
    Operation k = rope(append.operand(1));
    if ((q == null) != (k == null) || q != null && (q.operand(1) != k.operand(1) || q.operand(2) != k.operand(2)
        || q.intAttribute("dim") != k.intAttribute("dim") || q.intAttribute("interleaved") != k.intAttribute("interleaved"))) {
      throw new PassException("lower: stage @" + stage.name() + ": queries and keys are rotated by different tables ("
          + attention.origin() + ")");
    }
    KvType kv = (KvType) append.result().type();
    Operation joined = stage.insertBefore(attention, Dialects.get("kernel.rope_append"),
        Arrays.asList(q == null ? attention.operand(0) : q.operand(0), k == null ? append.operand(1) : k.operand(0),
            append.operand(2), q == null ? null : q.operand(1), q == null ? null : q.operand(2), append.operand(0),
            attention.operand(2)),
        Map.of("heads", attention.attribute("heads"), "dim", Attribute.of(kv.dim())));
    if (q != null && q.intAttribute("interleaved") != 0) {
      joined.setAttribute("interleaved", q.attribute("interleaved"));
    }
    joined.setOrigin(append.origin());
    stage.replaceUses(append.result(), joined.result(1));
    Operation launch = stage.insertBefore(attention, Dialects.get("kernel.attention"),
        Arrays.asList(joined.result(0), joined.result(1), attention.operand(2), vector(module, attention, 3, inF32),
            vector(module, attention, 4, inF32)), properties(attention));
    launch.setOrigin(attention.origin()).result().rename("attended");
    stage.replaceUses(attention.result(), launch.result());
    stage.remove(attention);
    stage.remove(append);
    context.count("lower.rope_append", 1);
  }

  private static Value vector(Module module, Operation op, int operand, Map<Weight, Value> inF32) {
    return op.operand(operand) == null ? null : f32(module, op.operand(operand), inF32);
  }

  /** All of an attention's attributes but the mask, which is causal. */
  private static Map<String, Attribute> properties(Operation attention) {
    Map<String, Attribute> properties = new HashMap<>(attention.attributes());
    properties.remove("mask");
    return properties;
  }

  private static Operation rope(Value v) {
    return v.producer() != null && v.producer().is("nn.rope") ? v.producer() : null;
  }

  /** residual + linear(x) becomes one launch where nobody else reads the product. */
  private static void joinResiduals(Stage stage, PassContext context) {
    for (Operation add : List.copyOf(stage.operations())) {
      if (!add.is("kernel.elementwise") || !add.textAttribute("function").equals("add")) {
        continue;
      }
      for (int side = 1; side >= 0; side--) {
        Operation linear = add.operand(side).producer();
        Value residual = add.operand(1 - side);
        if (linear != null && linear.is("kernel.linear") && linear.operand(3) == null
            && linear.result().uses().size() == 1
            && (residual.producer() == null || stage.indexOf(residual.producer()) < stage.indexOf(linear))) {
          linear.setOperand(3, residual);
          stage.replaceUses(add.result(), linear.result());
          stage.remove(add);
          context.count("lower.linear + residual", 1);
          break;
        }
      }
    }
  }
}
