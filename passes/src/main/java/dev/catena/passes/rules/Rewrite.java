package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ConcatenatedWeight;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.HeadRowsWeight;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.ReshapedWeight;
import dev.catena.ir.RowsWeight;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Inserts the right sides of a rule in front of the matched root and redirects uses to them. */
final class Rewrite {
  private final Rule rule;
  private final Module module;
  private final Stage stage;
  private final Operation root;
  private final Match match;

  Rewrite(Rule rule, Match match, Operation root, Module module, Stage stage) {
    this.rule = rule;
    this.match = match;
    this.root = root;
    this.module = module;
    this.stage = stage;
  }

  void apply() {
    List<Value> from = new ArrayList<>();
    List<Value> to = new ArrayList<>();
    for (Rule.Replacement r : rule.replacements()) {
      if (r.template() instanceof Template.Op op && Rule.isOpen(op.definition())) {
        Operation made = operation(op, root.results().size());
        for (int i = 0; i < root.results().size(); i++) {
          requireSameKind(root.result(i), made.result(i));
          from.add(root.result(i));
          to.add(made.result(i));
        }
        continue;
      }
      Value first = build(r.template());
      for (int i = 0; i < r.replaced().size(); i++) {
        Value replaced = match.value(r.replaced().get(i));
        Value by = first.producer() == null ? first : first.producer().result(first.resultIndex() + i);
        requireSameKind(replaced, by);
        if (r.replaced().size() > 1) {
          by.rename(r.replaced().get(i));
        } else if (r.template() instanceof Template.Op) {
          by.rename(replaced.name()); // unlike an operation's, the exporter's names tell one layer's products apart
        }
        from.add(replaced);
        to.add(by);
      }
    }
    for (int i = 0; i < from.size(); i++) { // only now, so that no right side sees another's work
      stage.replaceUses(from.get(i), to.get(i));
    }
  }

  /** Dimensions may be written differently before and after, element types and ranks may not. */
  private void requireSameKind(Value replaced, Value by) {
    if (replaced.type() instanceof TensorType a && by.type() instanceof TensorType b
        && (a.element() != b.element() || a.rank() != b.rank())) {
      throw new IllegalStateException(rule.place() + ": rule " + rule.name() + " replaces " + NearMiss.describe(replaced)
          + " : " + a.text() + " by " + b.text());
    }
  }

  private Value build(Template t) {
    if (t instanceof Template.Variable v) {
      return v.optional() && match.get(v.name()) == null ? null : match.value(v.name());
    } else if (t instanceof Template.Integers i) {
      long[] elements = i.elements().stream().mapToLong(Long::longValue).toArray();
      return insert("onnx.Constant", List.of(),
          Map.of("value", new Attribute.Dense(Tensor.i64(elements, elements.length)))).result();
    } else if (t instanceof Template.Computed c) {
      return insert("onnx.Constant", List.of(), Map.of("value", new Attribute.Dense(computed(c, match)))).result();
    } else if (t instanceof Template.View v) {
      return view(v);
    } else if (t instanceof Template.Op op) {
      return operation(op, op.definition().results().size()).result();
    }
    return null;
  }

  private Operation operation(Template.Op op, int results) {
    List<Value> operands = new ArrayList<>();
    op.operands().forEach(o -> operands.add(build(o)));
    while (!operands.isEmpty() && operands.get(operands.size() - 1) == null) {
      operands.remove(operands.size() - 1);
    }
    Map<String, Attribute> attributes = new HashMap<>();
    op.attributes().forEach((name, c) -> attributes.put(name, Numbers.attribute(c.kind(), c.expression().of(match))));
    return stage.insertBefore(root, op.definition(), operands, attributes, results).setOrigin(root.origin());
  }

  /** The constant, or null where it can't be computed. */
  private static Tensor computed(Template.Computed c, Match match) {
    Object elements = c.elements().of(match);
    if (!(c.element().of(match) instanceof ElementType element) || elements == null) {
      return null;
    }
    if (elements instanceof List<?>) {
      List<Dim> all = Numbers.integers(elements);
      return all == null || !all.stream().allMatch(Dim::isKnown) ? null : vector(element, all.stream().mapToLong(Dim::value).toArray());
    }
    Double number = Numbers.real(elements);
    if (number == null) {
      return null;
    }
    Tensor one = new Tensor(element);
    one.set(0, number);
    return one;
  }

  private static Tensor vector(ElementType element, long[] numbers) {
    if (element.isInteger()) {
      return Tensor.ofLongs(element, numbers, numbers.length);
    }
    Tensor vector = new Tensor(element, numbers.length);
    for (int i = 0; i < numbers.length; i++) {
      vector.set(i, numbers[i]);
    }
    return vector;
  }

  /** A new operation that takes over the root's origin. */
  private Operation insert(String name, List<Value> operands, Map<String, Attribute> attributes) {
    return stage.insertBefore(root, Dialects.get(name), operands, attributes).setOrigin(root.origin());
  }

  private Value view(Template.View v) {
    Value base = build(v.base());
    if (base == null) {
      return null; // a view of an optional operand that isn't there
    }
    if (v.kind() == Template.Kind.WEIGHT && base.weight() != null) {
      return base;
    }
    WeightData data = base.weight() != null ? base.weight().data() : new LiteralWeight(base.constant());
    String name = base.weight() != null ? base.weight().name() : stage.name() + "." + base.name();
    Object parameter = v.parameter() == null ? null : v.parameter().of(match);
    if (v.kind() == Template.Kind.RESHAPE && base.weight() != null && base.type() instanceof TensorType t
        && t.shape().equals(Numbers.integers(parameter))) {
      return base;
    }
    WeightData seen = switch (v.kind()) {
      case WEIGHT -> data;
      case TRANSPOSE -> transposed(data,
          Numbers.integers(parameter).stream().mapToInt(d -> Math.toIntExact(d.value())).toArray());
      case RESHAPE -> ReshapedWeight.of(data, Numbers.integers(parameter).stream().mapToLong(Dim::value).toArray());
      case CAST -> CastWeight.of(data, (ElementType) parameter);
      case ROWS -> new RowsWeight(data, Numbers.integers(parameter).get(0).value(), Numbers.integers(parameter).get(1).value());
      case HEAD_ROWS -> headRows(data, Numbers.integers(parameter));
      case TWICE -> twice(data);
    };
    return seen == data && base.weight() != null ? base : module.addWeight(name, seen).value();
  }

  private static WeightData headRows(WeightData data, List<Dim> place) {
    return new HeadRowsWeight(data, place.get(0).value(), place.get(1).value(), place.get(2).value(),
        place.size() == 4 ? place.get(3).value() : 1);
  }

  /** Concatenation goes along the first axis, so [rows, width] is turned for it and back. */
  private static WeightData twice(WeightData data) {
    WeightData turned = new TransposedWeight(data, new int[] {1, 0});
    return new TransposedWeight(new ConcatenatedWeight(List.of(turned, turned)), new int[] {1, 0});
  }

  /** A transpose of a transpose that turns it back is the base itself. */
  private static WeightData transposed(WeightData data, int[] permutation) {
    if (data instanceof TransposedWeight t && IntStream.range(0, permutation.length)
        .allMatch(i -> t.permutation()[permutation[i]] == i)) {
      return t.base();
    }
    return new TransposedWeight(data, permutation);
  }

  /** What keeps the right sides from being built for this match, or null: an attribute that can't be computed, say. */
  static String obstacle(Rule rule, Match match) {
    for (Rule.Replacement r : rule.replacements()) {
      String found = obstacle(r.template(), match);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  private static String obstacle(Template t, Match match) {
    if (t instanceof Template.Variable v) {
      return match.get(v.name()) instanceof Value || v.optional() && match.get(v.name()) == null ? null : "$" + v.name() + " stands for no value";
    } else if (t instanceof Template.Computed c) {
      return computed(c, match) == null ? c.text() + " can't be computed" : null;
    } else if (t instanceof Template.View v) {
      return viewObstacle(v, match);
    } else if (t instanceof Template.Op op) {
      for (Template operand : op.operands()) {
        String found = obstacle(operand, match);
        if (found != null) {
          return found;
        }
      }
      for (Template.Property c : op.attributes().values()) {
        if (Numbers.attribute(c.kind(), c.expression().of(match)) == null) {
          return c.text() + " can't be computed";
        }
      }
    }
    return null;
  }

  private static boolean rowsFit(Template.View v, Object parameter, Match match) {
    List<Dim> bounds = Numbers.integers(parameter);
    return bounds != null && bounds.size() == 2 && bounds.stream().allMatch(Dim::isKnown)
        && v.base() instanceof Template.Variable b && match.value(b.name()).type() instanceof TensorType t && t.rank() > 0
        && bounds.get(0).value() >= 0 && bounds.get(0).value() < bounds.get(1).value()
        && bounds.get(1).value() <= t.dim(0).value();
  }

  private static boolean headRowsFit(Template.View v, Object parameter, Match match) {
    List<Dim> place = Numbers.integers(parameter);
    return place != null && (place.size() == 3 || place.size() == 4 && place.get(3).isKnown() && place.get(3).value() > 0) && place.stream().allMatch(Dim::isKnown)
        && v.base() instanceof Template.Variable b && match.value(b.name()).type() instanceof TensorType t && t.rank() > 0
        && t.dim(0).isKnown() && place.get(0).value() >= 0 && place.get(0).value() < place.get(1).value()
        && place.get(1).value() <= place.get(2).value() && t.dim(0).value() % place.get(2).value() == 0;
  }

  private static String viewObstacle(Template.View v, Match match) {
    String found = obstacle(v.base(), match);
    if (found == null && v.base() instanceof Template.Variable b && match.get(b.name()) == null) {
      return null;
    }
    if (found == null && v.base() instanceof Template.Variable b && !Constants.is(match.value(b.name()))) {
      found = "$" + b.name() + " isn't a constant";
    }
    if (found == null && v.kind() == Template.Kind.TWICE && v.base() instanceof Template.Variable b
        && !(match.value(b.name()).type() instanceof TensorType t && t.rank() == 2)) {
      found = "$" + b.name() + " isn't a table [rows, width]";
    }
    if (found == null && v.parameter() != null) {
      Object parameter = v.parameter().of(match);
      boolean fits = v.kind() == Template.Kind.ROWS ? rowsFit(v, parameter, match)
          : v.kind() == Template.Kind.HEAD_ROWS ? headRowsFit(v, parameter, match) : v.kind() == Template.Kind.CAST ? parameter instanceof ElementType e && e.isFloat()
          : Numbers.integers(parameter) != null && Numbers.integers(parameter).stream().allMatch(Dim::isKnown);
      found = fits ? null : "the parameter of a view can't be computed";
    }
    return found;
  }
}
