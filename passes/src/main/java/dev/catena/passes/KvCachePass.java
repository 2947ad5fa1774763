package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.KvType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.passes.rules.RuleExplanation;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Past and present tensors become one linear cache, and batches become rows: activations are {@code [?tokens, width]},
 * which row belongs where comes from {@code seqs}. That masks are causal and positions consecutive can't be read off a
 * split piece, which takes both as inputs; it is written down as the stage's assumption.
 */
public final class KvCachePass extends Pass {
  private static final long PAGE = 64;
  private static final Dim TOKENS = Dim.symbol("tokens");

  public KvCachePass() {
    super("kv-cache", "past and present tensors become a cache in place, batches become rows",
        PassOptions.choice("key", "16", "bits of keys", "32", "16", "8", "4"),
        PassOptions.choice("value", "16", "bits of values", "32", "16", "8", "4"));
  }

  @Override
  protected void run(Module module, PassOptions options, PassContext context) {
    for (Stage stage : module.stages()) {
      if (isRows(stage)) {
        continue;
      }
      switch (String.valueOf(stage.textAttribute("role"))) {
        case "decoder" -> {
          convertDecoder(stage, storage(options, "key"), storage(options, "value"));
          context.count("kv-cache.decoders", 1);
        }
        case "embed" -> convertEmbed(stage);
        case "norm", "head" -> toRows(stage, stage.arguments().get(0));
        default -> throw new PassException("kv-cache: stage @" + stage.name() + " has no role in a language model");
      }
    }
  }

  private static boolean isRows(Stage stage) {
    return !stage.arguments().isEmpty() && stage.arguments().get(0).type() instanceof TensorType t && t.rank() > 0
        && t.dim(0).equals(TOKENS);
  }

  private static ElementType storage(PassOptions options, String name) {
    return switch (options.text(name)) {
      case "32" -> ElementType.F32;
      case "16" -> ElementType.F16;
      case "8" -> ElementType.U8;
      default -> ElementType.U4;
    };
  }

  private static void convertDecoder(Stage stage, ElementType key, ElementType value) {
    List<Operation> attentions = stage.operations().stream().filter(o -> o.is("nn.past_attention")).toList();
    if (attentions.size() != 1) {
      throw notRaised(stage, attentions.isEmpty() ? nothing(stage) : "it holds several attentions");
    }
    Operation past = attentions.get(0);
    Value hidden = argument(stage, "arg.hidden");
    Value mask = argument(stage, "arg.mask");
    if (past.operand(5) == null && !past.flagAttribute("causal")) {
      throw notRaised(stage, "its attention has no mask: rows would see those behind them");
    }
    if (past.operand(5) != null && past.operand(5) != mask) {
      throw notRaised(stage, "the mask that " + describe(past.operand(5)) + " gives isn't causal at all steps");
    }
    boolean readsPast = past.operand(3) == null ? StepProbe.lacksPast(stage)
        : untransposed(past.operand(3)) == argument(stage, "arg.past_key") && past.operand(4) == argument(stage, "arg.past_value");
    if (!readsPast) {
      throw notRaised(stage, "its attention doesn't read the piece's past directly");
    }
    long dim = past.result(1).tensorType().dim(3).value();
    if (dim % 2 != 0 && (key == ElementType.U4 || value == ElementType.U4)) {
      throw new PassException("kv-cache: stage @" + stage.name() + ": heads of " + dim
          + " elements can't be stored in 4 bits, two to a byte; choose 8 or more");
    }
    KvType kv = new KvType(key, value, past.intAttribute("kv_heads"), dim, PAGE);
    Value seqs = stage.addArgument("seqs", new SeqsType());
    Value cache = stage.addArgument("cache", kv);
    Operation append = stage.insertBefore(past, Dialects.get("nn.kv_append"),
        List.of(cache, past.operand(1), past.operand(2), seqs), Map.of());
    append.setOrigin(past.origin()).result().rename("cache");
    Map<String, Attribute> properties = new HashMap<>(past.attributes());
    properties.keySet().removeAll(List.of("kv_heads", "causal"));
    properties.put("mask", Attribute.of("causal"));
    Operation attention = stage.insertBefore(past, Dialects.get("nn.attention"),
        Arrays.asList(past.operand(0), append.result(), seqs, past.operand(6), past.operand(7)), properties);
    attention.setOrigin(past.origin()).result().rename("attended");
    stage.replaceUses(past.result(0), attention.result());
    int hiddenOutput = stage.outputNames().indexOf(stage.textAttribute("out.hidden"));
    if (hidden == null || hiddenOutput < 0) {
      throw notRaised(stage, "its attributes arg.hidden and out.hidden don't say what it takes and gives");
    }
    Value out = stage.outputs().get(hiddenOutput);
    stage.clearOutputs();
    stage.removeAttribute("out.present_key");
    stage.removeAttribute("out.present_value");
    stage.addOutput(stage.textAttribute("out.hidden"), out);
    stage.addOutput("cache", append.result());
    DeadCode.remove(stage);
    for (Value present : past.results()) {
      if (!present.uses().isEmpty()) {
        throw notRaised(stage, "the new cache is also read by " + describe(present.uses().get(0).user().result()));
      }
    }
    positionsFrom(stage, seqs);
    keepOnly(stage, List.of(hidden, seqs, cache));
    stage.removeAttribute("past");
    stage.setAttribute("assume.mask", Attribute.of("causal"));
    stage.setAttribute("assume.positions", Attribute.of("consecutive"));
    toRows(stage, hidden);
  }

  /** Learned positions that a model adds to its embeddings come from where the rows stand, like a rotation's. */
  private static void convertEmbed(Stage stage) {
    Value ids = stage.arguments().get(0);
    stage.removeAttribute("past");
    if (stage.operations().stream().anyMatch(op -> op.is("nn.table_rows"))) {
      Value seqs = stage.addArgument("seqs", new SeqsType());
      positionsFrom(stage, seqs);
      stage.setAttribute("assume.positions", Attribute.of("consecutive"));
      keepOnly(stage, List.of(ids, seqs));
    } else {
      keepOnly(stage, List.of(ids));
    }
    toRows(stage, ids);
  }

  /** What looks up a table by the step's positions looks it up by {@code seqs}. */
  private static void positionsFrom(Stage stage, Value seqs) {
    Value given = argument(stage, "arg.positions");
    for (Operation op : stage.operations()) {
      int index = op.is("nn.rope") ? 3 : op.is("nn.table_rows") ? 1 : -1;
      if (index >= 0 && (op.operand(index) == given
          || op.operand(index).producer() != null && op.operand(index).producer().is("nn.positions"))) {
        op.setOperand(index, seqs);
      }
    }
    DeadCode.remove(stage);
  }

  /** Takes all other arguments away, which nothing may read any more. */
  private static void keepOnly(Stage stage, List<Value> kept) {
    for (Value argument : List.copyOf(stage.arguments())) {
      if (!kept.contains(argument)) {
        if (!argument.uses().isEmpty()) {
          Operation user = argument.uses().get(0).user();
          throw notRaised(stage, "%" + argument.name() + " is still read by "
              + (user == null ? "an output" : user.name() + " (" + user.origin() + ")"));
        }
        stage.removeArgument(argument);
      }
    }
  }

  /** Keys may come as [batch, heads, dim, past]; how a cache is laid out is Catena's own business. */
  private static Value untransposed(Value past) {
    return past.producer() != null && past.producer().is("onnx.Transpose") ? past.producer().operand(0) : past;
  }

  private static String nothing(Stage stage) {
    String nearest = RuleExplanation.nearest("nn.past_attention", stage);
    return "no attention was recognized" + (nearest == null ? "" : ": " + nearest);
  }

  private static String describe(Value v) {
    return v.producer() == null ? "%" + v.name() : v.producer().name() + " (" + v.producer().origin() + ")";
  }

  private static Value argument(Stage stage, String attribute) {
    String name = stage.textAttribute(attribute);
    return name == null ? null : stage.argument(name);
  }

  /** Gives {@code rows} the shape [?tokens, …] and infers the rest; only row-wise operations may be left. */
  private static void toRows(Stage stage, Value rows) {
    Operation left = stage.operations().stream().filter(op -> op.definition().dialect().equals("onnx"))
        .min(Comparator.comparing(op -> op.is("onnx.Constant"))).orElse(null); // a constant is there for what reads it
    if (left != null) {
      throw notRaised(stage, left.name() + " (" + left.origin() + ") was not recognized as part of a language model");
    }
    TensorType t = rows.tensorType();
    if (t.rank() < 2) {
      throw notRaised(stage, "%" + rows.name() + " : " + t.text() + " has no batch and sequence");
    }
    List<Dim> shape = new java.util.ArrayList<>(t.shape().subList(2, t.rank()));
    shape.add(0, TOKENS);
    rows.setType(t.withShape(shape));
    stage.inferTypes();
  }

  private static PassException notRaised(Stage stage, String why) {
    String source = stage.textAttribute("source");
    return new PassException((source == null ? "stage @" + stage.name() : source)
        + ": can't be compiled as a language model's " + stage.textAttribute("role") + ": " + why);
  }
}
