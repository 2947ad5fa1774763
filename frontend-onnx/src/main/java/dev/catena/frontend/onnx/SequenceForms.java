package dev.catena.frontend.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Sequences and optional values, which exist while a file is imported and not behind it: a sequence is the list of its
 * tensors, an optional value a sequence of at most one. So their lengths, and the places that are asked for, must be known.
 */
final class SequenceForms {
  /** No exporter makes longer ones; a node of 30 bytes could. */
  private static final int LONGEST = 4096;
  /** Of all sequences together: each insertion makes one more of them. */
  private static final int MOST_TENSORS = 1 << 20;

  private final FormBuilder b;
  private Map<String, List<Value>> sequences = new HashMap<>();
  private int tensors;

  SequenceForms(FormBuilder builder) {
    b = builder;
  }

  /** Inside a branch or a body no sequence from around is known; gives what {@link #leave} takes. */
  Map<String, List<Value>> enter() {
    Map<String, List<Value>> outer = sequences;
    sequences = new HashMap<>();
    return outer;
  }

  void leave(Map<String, List<Value>> outer) {
    sequences = outer;
  }

  boolean knows(String name) {
    return sequences.containsKey(name);
  }

  /** Whether the node gives a sequence or reads one. */
  static boolean isAboutSequences(OnnxGraph.Node node) {
    return node.isStandard() && switch (node.operation()) {
      case "SequenceEmpty", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceLength", "SplitToSequence",
          "ConcatFromSequence", "Optional", "OptionalHasElement", "OptionalGetElement" -> true;
      default -> false;
    };
  }

  /**
   * The tensor that the node gives, or null where it gives a sequence, which is then known by its name.
   *
   * @param operands of the node, null where they are sequences or absent
   */
  Value convert(OnnxGraph.Node node, List<Value> operands) {
    b.begin(node, operands);
    List<Value> made = switch (node.operation()) {
      case "SequenceEmpty" -> List.of();
      case "SequenceConstruct" -> all(operands);
      case "SequenceInsert" -> inserted(sequence(node, 0));
      case "SequenceErase" -> {
        List<Value> rest = new ArrayList<>(sequence(node, 0));
        rest.remove(place(1, rest.size(), rest.size() - 1L));
        yield rest;
      }
      case "SplitToSequence" -> split();
      case "Optional" -> node.inputs().isEmpty() ? List.of() : knows(node.input(0)) ? sequence(node, 0) : List.of(b.operand(0, "input"));
      default -> null;
    };
    if (made != null) {
      if (node.outputs().isEmpty() || made.size() > LONGEST) {
        throw b.broken(made.size() > LONGEST ? "makes a sequence of more than " + LONGEST : "has no output");
      }
      tensors += made.size();
      if (tensors > MOST_TENSORS) {
        throw b.broken("makes it more than " + MOST_TENSORS + " tensors in all sequences");
      }
      sequences.put(node.outputs().get(0), made);
      return null;
    }
    return switch (node.operation()) {
      case "SequenceAt" -> {
        List<Value> s = sequence(node, 0);
        yield s.get(place(1, s.size(), 0));
      }
      case "SequenceLength" -> b.number(sequence(node, 0).size());
      case "ConcatFromSequence" -> joined(sequence(node, 0));
      case "OptionalHasElement" -> b.constant(Tensor.ofLongs(ElementType.BOOL, new long[] {present(node) ? 1 : 0}));
      default -> knows(node.input(0)) ? only(sequence(node, 0)) : b.operand(0, "input");
    };
  }

  private boolean present(OnnxGraph.Node node) {
    return !node.input(0).isEmpty() && (!knows(node.input(0)) || !sequence(node, 0).isEmpty());
  }

  private Value only(List<Value> optional) {
    if (optional.size() != 1) {
      throw b.broken("takes the element of an optional value that has none");
    }
    return optional.get(0);
  }

  private List<Value> sequence(OnnxGraph.Node node, int input) {
    List<Value> s = sequences.get(node.input(input));
    if (s == null) {
      throw b.broken("reads '" + node.input(input) + "', which isn't a sequence that is known here");
    }
    return s;
  }

  private List<Value> all(List<Value> operands) {
    if (operands.isEmpty() || operands.contains(null)) {
      throw b.broken("lacks tensors for its sequence");
    }
    return List.copyOf(operands);
  }

  private List<Value> inserted(List<Value> sequence) {
    List<Value> longer = new ArrayList<>(sequence);
    longer.add(place(2, sequence.size() + 1, sequence.size()), b.operand(1, "tensor"));
    return longer;
  }

  /** A place in a sequence, counted from its end where it is negative. */
  private int place(int operand, int size, long otherwise) {
    long[] given = b.optional(operand) == null ? new long[] {otherwise} : known(b.optional(operand), "position");
    long at = given.length != 1 ? -1 : given[0] < 0 ? given[0] + size - (operand == 2 ? 1 : 0) : given[0];
    if (at < 0 || at >= size) {
      throw b.broken("has a position outside of its sequence");
    }
    return (int) at;
  }

  private long[] known(Value v, String what) {
    Dim[] contents = v.contents();
    if (contents == null) {
      throw b.broken("needs its " + what + " to be known when it is compiled");
    }
    long[] values = new long[contents.length];
    for (int i = 0; i < values.length; i++) {
      if (!contents[i].isKnown()) {
        throw b.broken("needs its " + what + " to be known when it is compiled");
      }
      values[i] = contents[i].value();
    }
    return values;
  }

  private List<Value> split() {
    b.allow("axis", "keepdims");
    Value x = b.operand(0, "input");
    int axis = b.axis(b.integer("axis", 0), FormBuilder.rank(x));
    boolean single = b.optional(1) == null;
    long[] sizes = single ? new long[] {1} : known(b.optional(1), "split");
    if (single || FormBuilder.rank(b.optional(1)) == 0) {
      Dim size = x.tensorType().dim(axis);
      if (!size.isKnown() || sizes.length != 1 || sizes[0] < 1 || size.value() / sizes[0] > LONGEST) {
        throw b.broken("needs the size of axis " + axis + " of " + x.type().text() + " to be known, and at most " + LONGEST + " parts of it");
      }
      long each = sizes[0];
      sizes = new long[Math.toIntExact((size.value() + each - 1) / each)];
      for (int i = 0; i < sizes.length; i++) {
        sizes[i] = Math.min(each, size.value() - i * each);
      }
    }
    List<Value> parts = new ArrayList<>();
    long from = 0;
    for (long size : sizes) {
      Value part = b.op("Slice", x, b.list(from), b.list(Math.addExact(from, size)), b.list(axis));
      parts.add(single && b.integer("keepdims", 1) == 0 ? b.op("Squeeze", part, b.list(axis)) : part);
      from += size;
    }
    return parts;
  }

  private Value joined(List<Value> sequence) {
    b.allow("axis", "new_axis");
    if (sequence.isEmpty()) {
      throw b.broken("joins a sequence of nothing");
    }
    boolean stacked = b.integer("new_axis", 0) != 0;
    int axis = b.axis(b.integer("axis", 0), FormBuilder.rank(sequence.get(0)) + (stacked ? 1 : 0));
    return b.with("Concat", sequence.stream().map(v -> stacked ? b.unsqueeze(v, axis) : v).toList(), "axis", axis);
  }
}
