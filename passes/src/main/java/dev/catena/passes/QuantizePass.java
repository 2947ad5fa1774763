package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import java.util.HashMap;
import java.util.Map;

/**
 * States how each matrix is stored: f32, f16, or rounded to the nearest of 8- or 4-bit codes with a scale per group.
 * The rounding itself happens when the weight is streamed.
 */
public final class QuantizePass extends Pass {
  public QuantizePass() {
    super("quantize", "set the storage of matrices: f32, f16, 8 or 4 bits in groups, round to nearest",
        new PassOptions.Declared("bits", "4", "bits of linear layers: 32, 16, 8, 4"),
        new PassOptions.Declared("group", "128", "columns that share a scale: a multiple of 8, or 0 for a whole row"),
        new PassOptions.Declared("symmetric", "false", "no zero points"),
        new PassOptions.Declared("embed", "16", "bits of the embedding table"),
        new PassOptions.Declared("head", "8", "bits of the head"));
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    Map<Weight, Map<Long, Weight>> done = new HashMap<>();
    for (Stage stage : module.stages()) {
      for (Operation op : stage.operations()) {
        boolean linear = op.is("nn.linear");
        if (!linear && !op.is("nn.embedding") || op.operand(1).weight() == null) {
          continue;
        }
        String option = !linear ? "embed" : "head".equals(stage.textAttribute("role")) ? "head" : "bits";
        Value stored = store(module, op.operand(1).weight(), options, options.number(option), option, done);
        if (stored != op.operand(1)) {
          if (!linear && !op.hasAttribute("element")) { // a table's storage doesn't decide what the next stage is given
            op.setAttribute("element", new Attribute.Element(op.result().tensorType().element()));
          }
          op.setOperand(1, stored);
          context.count("quantize." + storage(stored), 1);
        }
      }
      stage.inferTypes();
    }
    module.removeUnusedWeights();
  }

  private static String storage(Value v) {
    return v.type() instanceof QuantType q ? q.code().keyword() : v.tensorType().element().keyword();
  }

  private static Value store(Module module, Weight weight, PassOptions options, long bits, String option,
      Map<Weight, Map<Long, Weight>> done) {
    if (!(weight.type() instanceof TensorType dense)) {
      return weight.value(); // came quantized: keeps its codes
    }
    Weight before = done.getOrDefault(weight, Map.of()).get(bits);
    if (before != null) {
      return before.value();
    }
    WeightData data;
    if (bits == 32 || bits == 16) {
      ElementType to = bits == 32 ? ElementType.F32 : ElementType.F16;
      if (dense.element() == to) {
        return weight.value();
      }
      data = new CastWeight(weight.data(), to);
    } else if (bits == 8 || bits >= 2 && bits <= 4) {
      data = new QuantizedWeight(weight.data(), type(dense, bits, options));
    } else {
      throw new PassException("quantize: " + option + " = " + bits + " isn't supported; choose 32, 16, 8 or 4");
    }
    Weight stored = module.addWeight(weight.name() + (bits >= 16 ? ".f" : ".u") + bits, data);
    done.computeIfAbsent(weight, w -> new HashMap<>()).put(bits, stored);
    return stored.value();
  }

  private static QuantType type(TensorType dense, long bits, PassOptions options) {
    long columns = dense.dim(1).value();
    long group = options.number("group");
    if (group == 0 || group >= columns) {
      group = columns;
    } else if (group < 8 || group % 8 != 0) {
      throw new PassException("quantize: group = " + group + " must be a multiple of 8, or 0 for a whole row");
    }
    ElementType code = bits == 8 ? ElementType.U8 : ElementType.U4;
    return new QuantType(code, group, ElementType.F16, options.flag("symmetric") ? null : code, dense.shape());
  }
}
