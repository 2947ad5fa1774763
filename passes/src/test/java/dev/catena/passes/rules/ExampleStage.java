package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * A rule's left side as operations, built from the values of an example. Where the pattern leaves a choice (one of several
 * ways, a link, the order of operands), the given random numbers choose.
 */
final class ExampleStage {
  final Module module = new Module("example");
  final Stage stage = new Stage("example");
  final List<EvalValue> arguments = new ArrayList<>();
  private final Set<String> choices;
  final Map<String, Value> bound = new HashMap<>();
  private final RuleExample example;
  private final Random choosing;
  private final Random elements;

  /**
   * @param choices gets the choices that are made, as texts that are unique within the rule
   * @throws IllegalArgumentException where these choices don't make a stage: types don't fit, the example lacks a value
   */
  ExampleStage(Rule rule, RuleExample example, long seed, Set<String> choices) {
    this.choices = choices;
    this.example = example;
    this.choosing = new Random(seed);
    this.elements = new Random(seed + 1);
    Value root = build(rule.pattern(), null, null, "");
    bound.put(Rule.ROOT, root);
    Operation last = root.producer();
    if (last == null) {
      throw new IllegalArgumentException("the root isn't computed");
    }
    Set<Value> outputs = new LinkedHashSet<>(last.results());
    rule.replacements().stream().flatMap(r -> r.replaced().stream()).map(bound::get).filter(v -> v != null)
        .forEach(outputs::add);
    outputs.forEach(v -> stage.addOutput("out" + stage.outputs().size(), v));
    example.values().forEach((name, given) -> {
      if (given instanceof RuleExample.TensorGiven t && t.shared() && bound.containsKey(name)) {
        stage.addOutput("shared_" + name, bound.get(name));
      }
    });
    this.root = last;
  }

  /** The operation that the rule must match. */
  final Operation root;

  private int choose(String place, int ways) {
    int chosen = choosing.nextInt(ways);
    choices.add(place + "=" + chosen);
    return chosen;
  }

  /**
   * @param name  the variable that stands for the value, or null
   * @param like  the element type that a number beside a tensor has, or null
   * @param place where in the pattern this is
   */
  private Value build(Pattern p, String name, ElementType like, String place) {
    if (p instanceof Pattern.Named n) {
      Value known = bound.get(n.name());
      if (known != null) {
        return known;
      }
      Value v = build(n.inner(), n.name(), like, place + "$" + n.name());
      bound.put(n.name(), v);
      return v;
    } else if (p instanceof Pattern.Variable v) {
      Value known = bound.get(v.name());
      if (known == null) {
        known = given(v.name(), like);
        bound.put(v.name(), known);
      }
      return known;
    } else if (p instanceof Pattern.Constant || p instanceof Pattern.Scalar) {
      return given(name, like);
    } else if (p instanceof Pattern.Number n) {
      return number(n.value(), like);
    } else if (p instanceof Pattern.Integers i) {
      return integers(i.elements());
    } else if (p instanceof Pattern.Either e) {
      int way = choose(place + "|", e.ways().size());
      return build(e.ways().get(way), name, like, place + "|" + way);
    } else if (p instanceof Pattern.Optional o) {
      Value inner = build(o.inner(), null, like, place + "?");
      if (choose(place + "?", 2) == 0) {
        return inner;
      }
      Map<String, Attribute> attributes = o.link().name().equals("onnx.Cast")
          ? Map.of("to", new Attribute.Element(name != null && example.values().get(name) instanceof RuleExample.ElementGiven g
              ? g.element() : inner.tensorType().element())) : Map.of();
      return stage.append(o.link(), List.of(inner), attributes).result();
    } else if (p instanceof Pattern.Repeated r) {
      Value x = build(new Pattern.Variable(r.name()), null, like, place);
      return append(r.definition(), List.of(x, x, x), r.attributes(), 1).result();
    } else if (p instanceof Pattern.Op op) {
      return operation(op, like, place);
    }
    throw new IllegalArgumentException("no example of " + p);
  }

  private Value operation(Pattern.Op op, ElementType like, String place) {
    Value[] operands = new Value[op.operands().size()];
    String here = place + "(" + op.definition().name();
    // Numbers take the type of what they meet, so they come last; interior patterns come before bare variables, which
    // may be bound inside them.
    ElementType found = like;
    for (int turn = 0; turn < 2; turn++) {
      for (int i = 0; i < operands.length; i++) {
        if (operands[i] == null && (turn == 1 || !isNumber(op.operands().get(i)))) {
          operands[i] = build(op.operands().get(i), null, found, here + i);
          if (operands[i].type() instanceof TensorType t && t.element().isFloat()) {
            found = t.element();
          }
        }
      }
    }
    if (op.eitherOrder() && operands.length == 2 && choose(here + "~", 2) == 1) {
      Value first = operands[0];
      operands[0] = operands[1];
      operands[1] = first;
    }
    boolean open = Rule.isOpen(op.definition());
    // Both halves of a Split are of one Split.
    Operation made = !open ? null : stage.operations().stream().filter(o -> o.definition() == op.definition()
        && o.operands().get(0) == operands[0] && o.operands().size() == operands.length).findFirst().orElse(null);
    if (made == null) {
      made = append(op.definition(), List.of(operands), op.attributes(), open ? 2 : op.definition().results().size());
    }
    return made.result(op.result());
  }

  private boolean isNumber(Pattern p) {
    if (p instanceof Pattern.Number || p instanceof Pattern.Scalar) {
      return true;
    }
    return p instanceof Pattern.Named n && (isNumber(n.inner()));
  }

  private Operation append(OpDefinition d, List<Value> operands, Map<String, Pattern.AttributePattern> wanted, int results) {
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    wanted.forEach((name, pattern) -> {
      if (pattern instanceof Pattern.AttributePattern.Fixed f) {
        attributes.put(name, f.value());
      } else if (pattern instanceof Pattern.AttributePattern.Bound b) {
        attributes.put(name, attribute(b.name(), d.attributes().get(name)));
      }
    });
    d.attributes().values().stream().filter(a -> a.required() && a.kind() == Attribute.Element.class)
        .forEach(a -> attributes.putIfAbsent(a.name(), new Attribute.Element(operands.get(0).tensorType().element())));
    if (Rule.isOpen(d) && operands.size() > 1 && operands.get(1) != null && operands.get(1).constant() != null) {
      return stage.append(d, operands, attributes, operands.get(1).constant().size());
    }
    return Rule.isOpen(d) ? stage.append(d, operands, attributes, results) : stage.append(d, operands, attributes);
  }

  private Attribute attribute(String name, OpDefinition.AttributeSpec spec) {
    RuleExample.Given given = example.values().get(name);
    Attribute a = null;
    if (given instanceof RuleExample.NumberGiven n) {
      a = spec.kind() == Attribute.Int.class ? Attribute.of((long) n.value()) : Attribute.of(n.value());
    } else if (given instanceof RuleExample.IntegersGiven i) {
      a = new Attribute.Ints(i.values());
    } else if (given instanceof RuleExample.ElementGiven e) {
      a = new Attribute.Element(e.element());
    }
    if (a == null) {
      throw new IllegalArgumentException("the example gives no attribute $" + name);
    }
    return a;
  }

  private Value given(String name, ElementType like) {
    RuleExample.Given given = name == null ? null : example.values().get(name);
    if (given instanceof RuleExample.NumberGiven n) {
      return number(n.value(), like);
    } else if (given instanceof RuleExample.IntegersGiven i) {
      return integers(i.values());
    } else if (given instanceof RuleExample.TensorGiven t) {
      return tensor(name, t);
    }
    throw new IllegalArgumentException("the example gives no value $" + name);
  }

  private Value number(double value, ElementType like) {
    Tensor t = new Tensor(like == null ? ElementType.F32 : like);
    t.set(0, value);
    return constant(t);
  }

  private Value integers(List<Long> values) {
    return constant(Tensor.i64(values.stream().mapToLong(Long::longValue).toArray(), values.size()));
  }

  private Value constant(Tensor t) {
    return stage.append(Dialects.get("onnx.Constant"), List.of(), Map.of("value", new Attribute.Dense(t))).result();
  }

  private Value tensor(String name, RuleExample.TensorGiven given) {
    Tensor t = new Tensor(given.element(), given.shape().stream().mapToLong(Long::longValue).toArray());
    for (int i = 0; i < t.size(); i++) {
      if (t.element().isFloat()) {
        t.set(i, elements.nextGaussian());
      } else {
        t.setLong(i, elements.nextInt((int) given.below()));
      }
    }
    if (given.constant() && t.element().isFloat()) {
      return module.addWeight(name, new LiteralWeight(t)).value();
    }
    if (given.constant()) {
      return constant(t);
    }
    arguments.add(t);
    return stage.addArgument(name, t.type());
  }
}
