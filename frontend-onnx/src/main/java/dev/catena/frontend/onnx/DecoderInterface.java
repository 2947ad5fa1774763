package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import dev.catena.ir.ElementType;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What each input and output of a decoder piece is for, decided by its type and by what the graph does with it; names
 * decide only what the graph leaves open.
 *
 * @param inputs  by role, in the order of the stage's arguments: hidden, mask, positions, past_key, past_value; without the last
 *                two in a piece that was exported without a cache
 * @param outputs by role, in the order of the stage's outputs: hidden, present_key, present_value
 */
record DecoderInterface(Map<String, ValueInfo> inputs, Map<String, ValueInfo> outputs) {

  /** Whether the graph has a cache to carry on: inputs of rank 4 that are continued and returned. */
  static boolean fits(OnnxGraph graph) {
    long cacheLike = graph.inputs().stream().filter(i -> i.rank() == 4 && isFloat(i)).count();
    boolean hidden = graph.inputs().stream().anyMatch(i -> isFloat(i) && (i.rank() == 3 || i.rank() == 2));
    return cacheLike >= 2 && hidden && graph.outputs().size() >= 3;
  }

  /** Whether the graph attends within what it is given: hidden state in, hidden state out, and perhaps new keys and values. */
  static boolean fitsWithoutPast(OnnxGraph graph) {
    return Pieces.attends(graph) && graph.inputs().stream().anyMatch(i -> isFloat(i) && i.rank() == 3)
        && graph.outputs().stream().filter(o -> isFloat(o) && o.rank() == 3).count() == 1
        && graph.outputs().stream().allMatch(o -> isFloat(o) && (o.rank() == 3 || o.rank() == 4));
  }

  private static DecoderInterface withoutPast(OnnxGraph graph, GraphUses uses) {
    Map<String, ValueInfo> in = ordered(roles(graph, uses, graph.inputs()));
    Map<String, ValueInfo> out = new LinkedHashMap<>();
    out.put("hidden", graph.outputs().stream().filter(o -> o.rank() == 3).findFirst().orElseThrow());
    return new DecoderInterface(in, out);
  }

  private static Map<String, ValueInfo> ordered(Map<String, ValueInfo> roles) {
    Map<String, ValueInfo> in = new LinkedHashMap<>();
    for (String role : List.of("hidden", "mask", "positions")) {
      if (roles.containsKey(role)) {
        in.put(role, roles.get(role));
      }
    }
    return in;
  }

  static DecoderInterface of(OnnxGraph graph) {
    GraphUses uses = new GraphUses(graph);
    if (!fits(graph) && fitsWithoutPast(graph)) {
      return withoutPast(graph, uses);
    }
    List<ValueInfo> pasts = new ArrayList<>();
    List<ValueInfo> presents = new ArrayList<>();
    List<ValueInfo> rest = new ArrayList<>();
    for (ValueInfo input : graph.inputs()) {
      ValueInfo present = input.rank() == 4 && isFloat(input) ? uses.continuedAs(input.name()) : null;
      if (present == null) {
        rest.add(input);
      } else {
        pasts.add(input);
        presents.add(present);
      }
    }
    if (pasts.size() != 2) {
      throw new OnnxException(graph.fileName() + ": " + pasts.size()
          + " inputs are caches that a Concat continues and an output returns; a decoder has two, key and value");
    }
    if (presents.get(0).name().equals(presents.get(1).name())) {
      throw new OnnxException(graph.fileName() + ": inputs '" + pasts.get(0).name() + "' and '" + pasts.get(1).name()
          + "' are continued in one output");
    }
    int key = keyOf(uses, pasts, presents);
    Map<String, ValueInfo> in = ordered(roles(graph, uses, rest));
    in.put("past_key", pasts.get(key));
    in.put("past_value", pasts.get(1 - key));
    List<ValueInfo> others = graph.outputs().stream().filter(o -> !presents.contains(o)).toList();
    if (others.size() != 1) {
      throw new OnnxException(graph.fileName() + ": " + others.size() + " outputs besides key and value, a decoder has one");
    }
    Map<String, ValueInfo> out = new LinkedHashMap<>();
    out.put("hidden", others.get(0));
    out.put("present_key", presents.get(key));
    out.put("present_value", presents.get(1 - key));
    return new DecoderInterface(in, out);
  }

  /** Keys go into the product that softmax is taken of, values are multiplied by its result. */
  private static int keyOf(GraphUses uses, List<ValueInfo> pasts, List<ValueInfo> presents) {
    for (int i = 0; i < 2; i++) {
      if (uses.isKeyOfAttention(pasts.get(i).name())) {
        return i;
      }
    }
    Boolean firstIsValue = uses.meetsSoftmax(pasts.get(0).name());
    Boolean secondIsValue = uses.meetsSoftmax(pasts.get(1).name());
    if (firstIsValue != null && secondIsValue != null && !firstIsValue.equals(secondIsValue)) {
      return firstIsValue ? 1 : 0;
    }
    for (int i = 0; i < 2; i++) {
      String name = (pasts.get(i).name() + " " + presents.get(i).name()).toLowerCase(Locale.ROOT);
      if (name.contains("key")) {
        return i;
      }
      if (name.contains("val")) {
        return 1 - i;
      }
    }
    return 0;
  }

  private static Map<String, ValueInfo> roles(OnnxGraph graph, GraphUses uses, List<ValueInfo> inputs) {
    Map<String, ValueInfo> roles = new LinkedHashMap<>();
    for (ValueInfo input : inputs) {
      String role = role(graph, uses, input);
      ValueInfo other = roles.put(role, input);
      if (other != null) {
        throw new OnnxException(graph.fileName() + ": inputs '" + other.name() + "' and '" + input.name()
            + "' both look like the decoder's " + role);
      }
    }
    if (!roles.containsKey("hidden")) {
      throw new OnnxException(graph.fileName() + ": none of a decoder's inputs is the hidden state (reals, rank 3)");
    }
    return roles;
  }

  private static String role(OnnxGraph graph, GraphUses uses, ValueInfo input) {
    String name = input.name().toLowerCase(Locale.ROOT);
    ElementType e = ElementTypes.of(input.elementType());
    if (e != null && e.isInteger()) {
      boolean mask = name.contains("mask") && !uses.indexesTable(input.name());
      return mask ? "mask" : "positions";
    }
    if (e == ElementType.BOOL || isFloat(input) && (input.rank() == 4 || name.contains("mask"))) {
      return "mask";
    }
    if (isFloat(input) && (input.rank() == 3 || input.rank() == 2)) {
      return input.rank() == 3 || input.shape().get(1).isKnown() ? "hidden" : "mask"; // a mask is [batch, total]
    }
    throw new OnnxException(graph.fileName() + ": input '" + input.name() + "' fits none of a decoder's: hidden, mask,"
        + " positions, past key, past value");
  }

  static boolean isFloat(ValueInfo v) {
    ElementType e = ElementTypes.of(v.elementType());
    return e != null && e.isFloat();
  }

  /** Questions about what reads what in a graph. */
  private static final class GraphUses {
    private static final int FAR = 64;
    /** Where attentions that are one operation take their past keys; past values follow. */
    private static final Map<String, Integer> KEY_OF_ATTENTION = Map.of("GroupQueryAttention", 3, "Attention", 4,
        "MultiHeadAttention", 6);
    private static final List<String> SAME_VALUE = List.of("Cast", "Identity", "Dropout");
    private static final List<String> REARRANGING = List.of("Cast", "Identity", "Dropout", "Transpose", "Reshape",
        "Unsqueeze", "Squeeze", "Expand", "Tile", "Concat", "Slice", "Mul", "Div", "Flatten", "Split", "Gather");

    private final OnnxGraph graph;
    private final Map<String, List<Node>> readers = new LinkedHashMap<>();
    private final Map<String, Node> producers = new LinkedHashMap<>();

    GraphUses(OnnxGraph graph) {
      this.graph = graph;
      for (Node n : graph.nodes()) {
        n.inputs().forEach(i -> readers.computeIfAbsent(i, k -> new ArrayList<>()).add(n));
        n.outputs().forEach(o -> producers.put(o, n));
      }
    }

    private List<Node> readersOf(String name) {
      return readers.getOrDefault(name, List.of());
    }

    private static String result(Node n) {
      return n.outputs().isEmpty() ? "" : n.outputs().get(0);
    }

    /** The output that a Concat with {@code input} ends in, unchanged but for casts; null where there is none. */
    ValueInfo continuedAs(String input) {
      for (String name : reach(input, SAME_VALUE)) {
        for (Node n : readersOf(name)) {
          String continued = n.operation().equals("Concat") ? result(n) : presentOf(n, name);
          if (!continued.isEmpty()) {
            for (String joined : reach(continued, SAME_VALUE)) {
              for (ValueInfo o : graph.outputs()) {
                if (o.name().equals(joined)) {
                  return o;
                }
              }
            }
          }
        }
      }
      return null;
    }

    /** What an attention that is one operation makes of its past; empty where that isn't what it reads. */
    private static String presentOf(Node n, String name) {
      int key = KEY_OF_ATTENTION.getOrDefault(n.operation(), -1);
      for (int i = 0; key >= 0 && i < 2; i++) {
        if (key + i < n.inputs().size() && n.input(key + i).equals(name) && n.outputs().size() > 1 + i) {
          return n.outputs().get(1 + i);
        }
      }
      return "";
    }

    /** Whether an attention that is one operation takes the name as its past keys. */
    boolean isKeyOfAttention(String name) {
      return reach(name, SAME_VALUE).stream().anyMatch(same -> readersOf(same).stream().anyMatch(n -> {
        int key = KEY_OF_ATTENTION.getOrDefault(n.operation(), Integer.MAX_VALUE);
        return key < n.inputs().size() && n.input(key).equals(same);
      }));
    }

    /** All names that hold {@code name}'s value after operations of the given kinds. */
    private List<String> reach(String name, List<String> through) {
      Set<String> found = new LinkedHashSet<>(List.of(name));
      Deque<String> open = new ArrayDeque<>(found);
      while (!open.isEmpty()) {
        for (Node n : readersOf(open.poll())) {
          if (through.contains(n.operation()) && found.add(result(n))) {
            open.add(result(n));
          }
        }
      }
      return List.copyOf(found);
    }

    /** Whether the first product that {@code input} reaches has a softmax on its other side; null if it reaches none. */
    Boolean meetsSoftmax(String input) {
      Boolean answer = null;
      for (String name : reach(input, REARRANGING)) {
        for (Node n : readersOf(name)) {
          if (n.operation().equals("MatMul") && n.inputs().size() == 2) {
            String other = n.input(0).equals(name) ? n.input(1) : n.input(0);
            if (comesFromSoftmax(other)) {
              return true;
            }
            answer = false;
          }
        }
      }
      return answer;
    }

    private boolean comesFromSoftmax(String name) {
      String at = name;
      for (int i = 0; i < FAR; i++) {
        Node n = producers.get(at);
        if (n == null) {
          return false;
        }
        if (n.operation().equals("Softmax")) {
          return true;
        }
        if (!REARRANGING.contains(n.operation())) {
          return false;
        }
        at = n.input(0);
      }
      return false;
    }

    /** Whether {@code input} selects rows somewhere, as positions do. */
    boolean indexesTable(String input) {
      for (String name : reach(input, REARRANGING)) {
        for (Node n : readersOf(name)) {
          if (n.operation().startsWith("Gather") && n.input(1).equals(name)) {
            return true;
          }
        }
      }
      return false;
    }
  }
}
