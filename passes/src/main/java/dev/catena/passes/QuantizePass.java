package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupFit;
import dev.catena.ir.KeptCodes;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * States how each matrix is stored: f32, f16, or codes of 8, 4, 3 or 2 bits with a scale per group. Codes come from a
 * calibration where the context has one, else from rounding to nearest, which happens when the weight is streamed.
 */
public final class QuantizePass extends Pass {
  /** In place of the bits that were asked for. */
  private static final long CAME_QUANTIZED = 0;

  public QuantizePass() {
    super("quantize", "set the storage of matrices: f32, f16, or 8, 4, 3 or 2 bits in groups",
        PassOptions.choice("bits", "4", "bits of linear layers", "32", "16", "8", "4", "3", "2"),
        PassOptions.number("group", 128,
            "columns that share a scale: a multiple of 8 (of 32 below 4 bits), or 0 for a whole row"),
        PassOptions.flag("symmetric", false, "no zero points"),
        PassOptions.choice("scales", "search", "range: a group's range; search: what makes the error smallest",
            "range", "search"),
        PassOptions.words("keep", "", "single matrices with bits of their own: NAME:BITS;NAME:BITS"),
        PassOptions.choice("embed", "16", "bits of the embedding table", "32", "16", "8", "4", "3", "2"),
        PassOptions.choice("head", "8", "bits of the head", "32", "16", "8", "4", "3", "2"),
        PassOptions.choice("tied", "apart", "bits of an embedding table that is the head's matrix, too: apart: as embed says;"
            + " head: as head says", "apart", "head"));
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    new Storage(module, options, context).choose();
  }

  /** The type that a matrix of {@code shape} is quantized to. */
  public static QuantType type(TensorType dense, long bits, long groupSize, boolean symmetric) {
    long columns = dense.dim(1).value();
    long group = groupSize;
    long multiple = bits < 4 ? 32 : 8;
    if (group == 0 || group >= columns) {
      group = columns;
    } else if (group < multiple || group % multiple != 0) {
      throw new PassException("quantize: group = " + group + " must be a multiple of " + multiple + " at " + bits
          + " bits, or 0 for a whole row");
    }
    ElementType code = switch ((int) bits) {
      case 8 -> ElementType.U8;
      case 4 -> ElementType.U4;
      case 3 -> ElementType.U3;
      case 2 -> ElementType.U2;
      default -> throw new PassException("quantize: " + bits + " bits aren't supported; choose 32, 16, 8, 4, 3 or 2");
    };
    return new QuantType(code, group, ElementType.F16, symmetric ? null : code, dense.shape());
  }

  /** Reads {@code NAME:BITS;NAME:BITS}; a name's hyphens stand for the underscores of stage names. */
  public static Map<String, Long> keep(String text) {
    Map<String, Long> keep = new LinkedHashMap<>();
    for (String entry : text.isEmpty() ? new String[0] : text.split(";")) {
      String[] parts = entry.split(":", 2);
      if (parts.length != 2 || !parts[1].matches("32|16|8|4|3|2")) {
        throw new PassException("quantize: keep: \"" + entry + "\" is not NAME:BITS with bits 32, 16, 8, 4, 3 or 2");
      }
      keep.put(parts[0].replace('-', '_'), Long.parseLong(parts[1]));
    }
    return keep;
  }

  /** One run of the pass. */
  private static final class Storage {
    private final Module module;
    private final PassOptions options;
    private final PassContext context;
    private final Map<String, Long> keep;
    private final GroupFit.Scales scales;
    private final Set<Weight> heads = Collections.newSetFromMap(new IdentityHashMap<>());
    private final TreeSet<String> names = new TreeSet<>();
    private final TreeSet<String> kept = new TreeSet<>();
    private final Map<String, Integer> unquantized = new TreeMap<>();
    private final Map<Weight, Map<Long, Weight>> done = new HashMap<>();
    private final Map<Weight, Value> replaced = new HashMap<>();

    Storage(Module module, PassOptions options, PassContext context) {
      this.module = module;
      this.options = options;
      this.context = context;
      keep = keep(options.text("keep"));
      scales = GroupFit.Scales.valueOf(options.text("scales").toUpperCase(Locale.ROOT));
    }

    void choose() {
      for (Stage stage : module.stages()) {
        if ("head".equals(stage.textAttribute("role"))) {
          stage.operations().stream().filter(op -> op.is("nn.linear") && op.operand(1).weight() != null)
              .forEach(op -> heads.add(op.operand(1).weight()));
        }
      }
      for (Stage stage : module.stages()) {
        for (Operation op : stage.operations()) {
          boolean linear = op.is("nn.linear");
          if (op.is("nn.rms_norm") || op.is("nn.layer_norm")) {
            replaceCalibrated(op, 1);
          }
          if (linear && op.operand(2) != null) {
            replaceCalibrated(op, 2);
          }
          if (!linear && !op.is("nn.embedding") || op.operand(1).weight() == null) {
            continue;
          }
          Value stored = store(stage, op.operand(1).weight(), linear);
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
      keep.keySet().stream().filter(name -> !kept.contains(name)).findFirst().ifPresent(name -> {
        throw new PassException("quantize: keep: there is no matrix " + name + "; there are " + String.join(", ", names));
      });
      if (options.number("bits") < 16) {
        unquantized.forEach((reason, n) -> context.note("not quantized: " + reason + (n > 1 ? " (" + n + " matrices)" : "")));
        context.note("not quantized: norm weights and biases, vectors of f32 that take next to nothing");
      }
      module.removeUnusedWeights();
    }

    /** A norm's weight or a bias that took up the scales of a calibrated matrix. */
    private void replaceCalibrated(Operation op, int operand) {
      Weight weight = op.operand(operand).weight();
      WeightData data = weight == null ? null : context.calibrated(weight.name());
      if (data != null) {
        op.setOperand(operand,
            replaced.computeIfAbsent(weight, w -> module.addWeight(w.name() + ".calibrated", data).value()));
      }
    }

    private Value store(Stage stage, Weight weight, boolean linear) {
      names.add(weight.name());
      boolean tied = heads.contains(weight);
      String option = !linear ? tied && options.text("tied").equals("head") ? "head" : "embed" : "head".equals(stage.textAttribute("role")) ? "head" : "bits";
      Long own = keep.get(weight.name());
      if (own != null) {
        kept.add(weight.name());
      }
      long bits = own != null ? own : options.number(option);
      if (!(weight.type() instanceof TensorType dense)) {
        unquantized.merge(weight.name() + " came quantized and keeps its codes", 1, Integer::sum);
        return weight.value();
      }
      if (KeptCodes.anyBehind(weight.data())) {
        return keptCodes(weight, bits);
      }
      if (tied && !linear && own == null && bits != options.number("head")) {
        context.warn("the embedding table is the head's matrix, too, and is stored twice, since its bits differ: embed = " + bits + ", head = "
            + options.number("head") + "; one number for both stores it once");
      }
      if (bits >= 16) {
        unquantized.merge(own != null ? weight.name() + " is kept in " + bits + " bits"
            : linear ? "linear layers of " + option + " are stored in " + bits + " bits"
                : weight.name() + " is looked up, and stored in " + bits + " bits", 1, Integer::sum);
      }
      Weight before = done.getOrDefault(weight, Map.of()).get(bits);
      if (before != null) {
        return before.value();
      }
      WeightData data;
      if (bits == 32 || bits == 16) {
        ElementType to = bits == 32 ? ElementType.F32 : ElementType.F16;
        WeightData calibrated = context.calibrated(weight.name());
        if (dense.element() == to && calibrated == null) {
          return weight.value();
        }
        data = CastWeight.of(calibrated != null ? calibrated : weight.data(), to);
      } else {
        WeightData calibrated = linear ? context.calibrated(weight.name()) : null;
        data = calibrated != null ? calibrated : new QuantizedWeight(weight.data(),
            type(dense, bits, options.number("group"), options.flag("symmetric")), scales);
      }
      Weight stored = module.addWeight(weight.name() + (bits >= 16 ? ".f" : ".u") + bits, data);
      done.computeIfAbsent(weight, w -> new HashMap<>()).put(bits, stored);
      return stored.value();
    }

    /** A matrix that came quantized isn't rounded a second time. */
    private Value keptCodes(Weight weight, long bits) {
      Weight before = done.getOrDefault(weight, Map.of()).get(CAME_QUANTIZED);
      if (before != null) {
        return before.value();
      }
      Optional<KeptCodes> kept = KeptCodes.of(weight.data());
      ElementType dense = bits == 32 ? ElementType.F32 : ElementType.F16;
      unquantized.merge(kept.isPresent() ? weight.name() + " came quantized and keeps its codes"
          : weight.name() + " came quantized in part, or in groups that no kernel reads (a scale for each input): it is stored in "
              + dense.bits() + " bits, not rounded again", 1, Integer::sum);
      WeightData data = kept.isPresent() ? kept.get() : CastWeight.of(weight.data(), dense);
      Weight stored = module.addWeight(weight.name() + (kept.isPresent() ? ".codes" : ".f" + dense.bits()), data);
      done.computeIfAbsent(weight, w -> new HashMap<>()).put(CAME_QUANTIZED, stored);
      return stored.value();
    }
  }

  private static String storage(Value v) {
    return v.type() instanceof QuantType q ? q.code().keyword() : v.tensorType().element().keyword();
  }
}
