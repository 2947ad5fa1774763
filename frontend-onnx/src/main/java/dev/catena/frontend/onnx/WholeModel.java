package dev.catena.frontend.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What the inputs and outputs of a whole model are for, decided by types and by what the graph does with them; names
 * decide only between positions and mask where their shapes are equal.
 *
 * @param ids       token ids [batch, seq]
 * @param mask      attention mask, or null
 * @param positions position ids, or null
 * @param caches    past keys and values of all layers, in the order of the inputs, with the outputs that continue them; none
 *                  of a model that was exported without a cache
 * @param logits    [batch, seq, vocabulary]
 */
record WholeModel(Stage stage, String file, Value ids, Value mask, Value positions, Map<Value, Value> caches,
    Value logits) {
  private static final List<String> SAME_INDEX = List.of("onnx.Cast", "onnx.Identity", "onnx.Reshape", "onnx.Clip",
      "onnx.Unsqueeze", "onnx.Squeeze");

  static WholeModel of(Stage stage, String file) {
    Map<Value, Value> caches = new LinkedHashMap<>();
    for (Value argument : stage.arguments()) {
      Value present = isCacheLike(argument) ? CacheParts.continuation(stage, argument) : null;
      if (present != null) {
        caches.put(argument, present);
      }
    }
    boolean without = caches.isEmpty();
    List<Value> others = stage.outputs().stream().filter(v -> !caches.containsValue(v) && !(without && isCacheLike(v))).toList();
    if (without && others.size() != 1) {
      throw noCache(file);
    }
    if (others.size() != 1) {
      throw new OnnxException(file + ": " + others.size() + " outputs besides the caches, a language model has one, logits;"
          + " export it without hidden states and attentions");
    }
    Value logits = others.get(0);
    Value ids = ids(stage, file, logits);
    if (without) {
      requireSequence(stage, file, ids, logits);
    }
    Value mask = null;
    Value positions = null;
    for (Value argument : stage.arguments()) {
      if (argument == ids || caches.containsKey(argument) || argument.uses().isEmpty()) {
        continue;
      }
      if (isPositions(argument, ids)) {
        positions = only(file, "position ids", positions, argument);
      } else {
        mask = only(file, "an attention mask", mask, argument);
      }
    }
    return new WholeModel(stage, file, ids, mask, positions, caches, logits);
  }

  /** Without a cache to tell a language model by, it attends, gives a logit for each row of its embedding, and takes any length. */
  private static void requireSequence(Stage stage, String file, Value ids, Value logits) {
    TensorType t = logits.tensorType();
    if (t.rank() != 3 || !t.dim(-1).is(rowsPicked(ids)) || Attentions.shares(stage, ids).isEmpty()) {
      throw noCache(file);
    }
    if (ids.tensorType().dim(1).isKnown()) {
      throw new OnnxException(file + ": takes sequences of " + ids.tensorType().dim(1) + " tokens only; export it with a dynamic"
          + " sequence length (dynamic_axes or dynamic_shapes)");
    }
  }

  private static OnnxException noCache(String file) {
    return new OnnxException(file + ": no input [batch, heads, past, size] is continued by an output; export the model with its"
        + " KV cache (Optimum: text-generation-with-past)");
  }

  private static boolean isCacheLike(Value v) {
    return v.type() instanceof TensorType t && t.rank() == 4 && t.element().isFloat();
  }

  private static boolean isPositions(Value argument, Value ids) {
    TensorType t = argument.tensorType();
    if (!t.element().isInteger()) {
      return false;
    }
    boolean saysMask = argument.name().toLowerCase(Locale.ROOT).contains("mask");
    return t.rank() == 1 ? !saysMask : t.dim(-1).equals(ids.tensorType().dim(-1)) && !saysMask;
  }

  private static Value only(String file, String what, Value before, Value now) {
    if (before != null) {
      throw new OnnxException(file + ": inputs '" + before.name() + "' and '" + now.name() + "' both look like " + what
          + "; Catena takes token ids, one mask, positions and the cache");
    }
    return now;
  }

  /** Of the inputs that pick rows of a matrix, the one whose matrix has a row for each logit, else the most rows. */
  private static Value ids(Stage stage, String file, Value logits) {
    Value best = null;
    long most = -1;
    long wanted = logits.tensorType().rank() > 0 && logits.tensorType().dim(-1).isKnown()
        ? logits.tensorType().dim(-1).value() : -1;
    for (Value argument : stage.arguments()) {
      if (argument.type() instanceof TensorType t && t.element().isInteger() && t.rank() == 2) {
        long rows = rowsPicked(argument);
        long weight = rows == wanted && rows >= 0 ? Long.MAX_VALUE : rows;
        if (weight > most) {
          most = weight;
          best = argument;
        }
      }
    }
    if (best == null) {
      throw new OnnxException(file + ": no input is token ids (integers [batch, seq] that pick rows of an embedding table)");
    }
    return best;
  }

  /** Rows of the largest constant matrix that the value indexes; -1 if it indexes none. */
  private static long rowsPicked(Value indices) {
    Set<Value> seen = DataFlow.values();
    Deque<Value> open = new ArrayDeque<>(List.of(indices));
    long rows = -1;
    while (!open.isEmpty()) {
      Value v = open.pop();
      for (Value.Use u : seen.add(v) ? v.uses() : List.<Value.Use>of()) {
        Operation op = u.user();
        if (op != null && op.is("nn.embedding") && u.index() == 0) {
          rows = Math.max(rows, rows(op.operand(1)));
        } else if (op != null && op.is("onnx.Gather") && u.index() == 1 && op.operand(0).type() instanceof TensorType t
            && t.rank() == 2 && t.element().isFloat() && op.intAttribute("axis") == 0 && t.dim(0).isKnown()) {
          rows = Math.max(rows, t.dim(0).value());
        } else if (op != null && u.index() == 0 && SAME_INDEX.contains(op.name())) {
          open.push(op.result());
        }
      }
    }
    return rows;
  }

  private static long rows(Value table) {
    List<Dim> shape = table.type() instanceof QuantType q ? q.shape() : table.tensorType().shape();
    return shape.get(0).isKnown() ? shape.get(0).value() : -1;
  }
}
