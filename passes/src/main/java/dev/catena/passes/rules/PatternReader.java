package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.Trait;
import dev.catena.passes.rules.Pattern.AttributePattern;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.tree.TerminalNode;

/** Reads left sides. A definition is read anew at each use, its parameters replaced by the variables it is used with. */
final class PatternReader {
  private final RuleErrors errors;
  private final Map<String, RulesParser.DefinitionContext> definitions = new HashMap<>();

  PatternReader(RuleErrors errors) {
    this.errors = errors;
  }

  /** Makes a definition known to what is read after it; a name defined later can't be used in it, so none is endless. */
  void define(RulesParser.DefinitionContext d) {
    String name = d.name().getText();
    if (builtIn(name) != null || definitions.put(name, d) != null) {
      errors.at(d.name(), name + " is defined twice");
    }
    // Reading it here finds its mistakes also where no rule uses it.
    new Reading(identity(d), new java.util.HashSet<>()).pattern(d.pattern());
  }

  /** Reads a rule's pattern; adds the names it binds to {@code bound}. */
  Pattern read(RulesParser.PatternContext p, Set<String> bound) {
    return new Reading(Map.of(), bound).pattern(p);
  }

  private static Map<String, String> identity(RulesParser.DefinitionContext d) {
    Map<String, String> same = new HashMap<>();
    if (d.parameters() != null) {
      d.parameters().VARIABLE().forEach(v -> same.put(v.getText().substring(1), v.getText().substring(1)));
    }
    return same;
  }

  private static Pattern builtIn(String name) {
    return switch (name) {
      case "scalar" -> new Pattern.Scalar();
      case "constant" -> new Pattern.Constant();
      default -> null;
    };
  }

  /** The declaration of an operation that a text names; an unknown one is an error and gives null. */
  OpDefinition operation(RulesParser.OperationContext o) {
    OpDefinition d = Dialects.find(o.getText());
    if (d == null) {
      errors.at(o, "there is no operation " + o.getText());
    }
    return d;
  }

  /** The declaration of an attribute; an unknown one is an error and gives null. */
  OpDefinition.AttributeSpec attribute(OpDefinition d, RulesParser.NameContext name) {
    OpDefinition.AttributeSpec spec = d.attributes().get(name.getText());
    if (spec == null) {
      errors.at(name, d.name() + " has no attribute " + name.getText() + "; it has " + (d.attributes().isEmpty() ? "none"
          : String.join(", ", d.attributes().keySet().stream().sorted().toList())));
    }
    return spec;
  }

  /** Complains of more operands than the operation is declared with. */
  void checkOperands(Token place, OpDefinition d, int count) {
    boolean variadic = d.operands().stream().anyMatch(o -> o.arity() == OpDefinition.Arity.VARIADIC);
    if (!variadic && count > d.operands().size()) {
      errors.at(place, d.name() + " takes at most " + d.operands().size() + " operands, found " + count);
    }
  }

  static List<Long> integers(RulesParser.IntegersContext c) {
    return c.integer().stream().map(i -> Long.parseLong(i.getText())).toList();
  }

  static String unquoted(TerminalNode string) {
    return string.getText().substring(1, string.getText().length() - 1);
  }

  /** One reading of a pattern: what the parameters of the definition at hand stand for, and the names bound so far. */
  private final class Reading {
    private final Map<String, String> parameters;
    private final Set<String> bound;

    Reading(Map<String, String> parameters, Set<String> bound) {
      this.parameters = parameters;
      this.bound = bound;
    }

    private String variable(TerminalNode node) {
      String name = node.getText().substring(1);
      String meant = parameters.getOrDefault(name, name);
      bound.add(meant);
      return meant;
    }

    Pattern pattern(RulesParser.PatternContext p) {
      if (p instanceof RulesParser.VariablePatternContext v) {
        String name = variable(v.VARIABLE());
        return v.pattern() == null ? new Pattern.Variable(name) : new Pattern.Named(name, pattern(v.pattern()));
      } else if (p instanceof RulesParser.NumberPatternContext n) {
        return new Pattern.Number(Double.parseDouble(n.getText()));
      } else if (p instanceof RulesParser.IntegersPatternContext i) {
        return new Pattern.Integers(integers(i.integers()));
      } else if (p instanceof RulesParser.DefinedPatternContext d) {
        return defined(d);
      } else if (p instanceof RulesParser.OptionalPatternContext o) {
        return optional(o);
      } else if (p instanceof RulesParser.EitherPatternContext e) {
        return new Pattern.Either(e.pattern().stream().map(this::pattern).toList());
      } else if (p instanceof RulesParser.OperationPatternContext o) {
        return operation(o);
      }
      return new Pattern.Any();
    }

    private Pattern defined(RulesParser.DefinedPatternContext use) {
      String name = use.name().getText();
      if (builtIn(name) != null) {
        return builtIn(name);
      }
      RulesParser.DefinitionContext d = definitions.get(name);
      List<TerminalNode> wanted = d == null || d.parameters() == null ? List.of() : d.parameters().VARIABLE();
      List<TerminalNode> given = use.parameters() == null ? List.of() : use.parameters().VARIABLE();
      if (d == null) {
        errors.at(use, "no pattern " + name + " is defined above; a pattern is expected here");
        return new Pattern.Any();
      } else if (wanted.size() != given.size()) {
        errors.at(use, name + " takes " + wanted.size() + " variables, found " + given.size());
        return new Pattern.Any();
      }
      Map<String, String> inside = new HashMap<>();
      for (int i = 0; i < wanted.size(); i++) {
        inside.put(wanted.get(i).getText().substring(1), variable(given.get(i)));
      }
      return new Reading(inside, bound).pattern(d.pattern());
    }

    private Pattern optional(RulesParser.OptionalPatternContext o) {
      Pattern inner = pattern(o.pattern());
      OpDefinition link;
      if (o.operation() != null) {
        link = PatternReader.this.operation(o.operation());
      } else {
        link = o.name().getText().equals("cast") ? Dialects.get("onnx.Cast") : null;
        if (link == null) {
          errors.at(o.name(), "expected an operation or cast before ?, found " + o.name().getText());
        }
      }
      if (link != null && link.operands().size() != 1) {
        errors.at(o, link.name() + " isn't a link: it has " + link.operands().size() + " operands");
      }
      return link == null ? inner : new Pattern.Optional(link, inner);
    }

    private Pattern operation(RulesParser.OperationPatternContext o) {
      OpDefinition d = PatternReader.this.operation(o.operation());
      List<Pattern> operands = new ArrayList<>(o.pattern().stream().map(this::pattern).toList());
      if (d == null) {
        return new Pattern.Any();
      }
      boolean repeated = o.VARIABLE() != null;
      if (repeated && d.operands().get(0).arity() != OpDefinition.Arity.VARIADIC) {
        errors.at(o.operation(), d.name() + " has a fixed number of operands: ... has no meaning here");
      }
      checkOperands(o.operation().getStart(), d, operands.size());
      boolean eitherOrder = o.getChild(o.result() == null ? 2 : 3).getText().equals("~");
      int result = o.result() == null ? 0 : (int) Math.min(Integer.MAX_VALUE, Long.parseLong(o.result().INT().getText()));
      if (result > 0 && d.results().size() <= result && d.results().get(0).arity() != OpDefinition.Arity.VARIADIC) {
        errors.at(o.result(), d.name() + " has " + d.results().size() + " results, counted from 0");
      }
      if (eitherOrder && !d.has(Trait.COMMUTATIVE)) {
        errors.at(o.operation(), d.name() + " isn't commutative: ~ has no meaning here");
      }
      Map<String, AttributePattern> attributes = new LinkedHashMap<>();
      for (RulesParser.MatchedAttributeContext a : o.matchedAttribute()) {
        OpDefinition.AttributeSpec spec = attribute(d, a.name(0));
        if (spec != null) {
          attributes.put(spec.name(), attributeValue(d, spec, a));
        }
      }
      return repeated ? new Pattern.Repeated(d, variable(o.VARIABLE()), attributes)
          : new Pattern.Op(d, result, eitherOrder, operands, attributes);
    }

    private AttributePattern attributeValue(OpDefinition d, OpDefinition.AttributeSpec spec,
        RulesParser.MatchedAttributeContext a) {
      if (a.VARIABLE() != null) {
        return new AttributePattern.Bound(variable(a.VARIABLE()));
      }
      Attribute value = null;
      if (a.number() != null) {
        value = number(spec, a.number());
      } else if (a.integers() != null) {
        value = new Attribute.Ints(integers(a.integers()));
      } else if (a.STRING() != null) {
        value = Attribute.of(unquoted(a.STRING()));
      } else if (a.name(1) != null) {
        ElementType element = Functions.element(a.name(1).getText());
        value = element == null ? null : new Attribute.Element(element);
      }
      if (value == null || !spec.kind().isInstance(value)) {
        errors.at(a.getStop(), "attribute " + spec.name() + " of " + d.name() + " is "
            + spec.kind().getSimpleName().toLowerCase(java.util.Locale.ROOT) + ", found " + a.getStop().getText());
      }
      return new AttributePattern.Fixed(value);
    }

    private Attribute number(OpDefinition.AttributeSpec spec, RulesParser.NumberContext n) {
      return spec.kind() == Attribute.Real.class || n.INT() == null ? Attribute.of(Double.parseDouble(n.getText()))
          : Attribute.of(Long.parseLong(n.getText()));
    }
  }
}
