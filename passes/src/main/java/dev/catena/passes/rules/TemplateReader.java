package dev.catena.passes.rules;

import dev.catena.ir.OpDefinition;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Reads right sides. */
final class TemplateReader {
  private final RuleErrors errors;
  private final PatternReader patterns;
  private final ExpressionReader expressions;

  TemplateReader(RuleErrors errors, PatternReader patterns, ExpressionReader expressions) {
    this.errors = errors;
    this.patterns = patterns;
    this.expressions = expressions;
  }

  Rule.Replacement read(RulesParser.ReplacementContext r) {
    Template template = template(r.template());
    List<String> replaced = r.VARIABLE().isEmpty() ? List.of(Rule.ROOT)
        : r.VARIABLE().stream().map(v -> expressions.variable(v.getSymbol())).toList();
    if (template instanceof Template.Op op && op.definition().results().size() < replaced.size()
        || !(template instanceof Template.Op) && replaced.size() > 1) {
      errors.at(r, "fewer results than the " + replaced.size() + " values to replace");
    }
    return new Rule.Replacement(template, replaced);
  }

  private Template template(RulesParser.TemplateContext t) {
    if (t instanceof RulesParser.VariableTemplateContext v) {
      return new Template.Variable(expressions.variable(v.VARIABLE().getSymbol()), v.getChildCount() > 1);
    } else if (t instanceof RulesParser.IntegersTemplateContext i) {
      return new Template.Integers(PatternReader.integers(i.integers()));
    } else if (t instanceof RulesParser.ConstantTemplateContext s) {
      return new Template.Computed(expressions.expression(s.expression(0)), expressions.expression(s.expression(1)),
          ExpressionReader.text(s));
    } else if (t instanceof RulesParser.ViewTemplateContext v) {
      return view(v);
    } else if (t instanceof RulesParser.OperationTemplateContext o) {
      return operation(o);
    }
    return new Template.Absent();
  }

  private Template view(RulesParser.ViewTemplateContext v) {
    Template base = template(v.template());
    String name = v.name().getText();
    for (Template.Kind kind : Template.Kind.values()) {
      if (kind.name().toLowerCase(Locale.ROOT).equals(name)) {
        boolean plain = kind == Template.Kind.WEIGHT || kind == Template.Kind.TWICE;
        if (plain != (v.expression() == null)) {
          errors.at(v, name + (plain ? " takes no parameter" : " needs a parameter"));
        }
        return new Template.View(kind, base, v.expression() == null ? null : expressions.expression(v.expression()));
      }
    }
    errors.at(v, "there is no view " + name + "; there are weight, transpose, reshape, cast, rows, head_rows, twice");
    return base;
  }

  private Template operation(RulesParser.OperationTemplateContext o) {
    OpDefinition d = patterns.operation(o.operation());
    List<Template> operands = o.template().stream().map(this::template).toList();
    if (d == null) {
      return new Template.Absent();
    }
    patterns.checkOperands(o.operation().getStart(), d, operands.size());
    for (int i = 0; i < d.operands().size(); i++) {
      if (d.operands().get(i).arity() == OpDefinition.Arity.ONE
          && (i >= operands.size() || operands.get(i) instanceof Template.Absent)) {
        errors.at(o.operation(), d.name() + " needs operand " + d.operands().get(i).name());
      }
    }
    Map<String, Template.Property> attributes = new LinkedHashMap<>();
    for (RulesParser.EmittedAttributeContext a : o.emittedAttribute()) {
      OpDefinition.AttributeSpec spec = patterns.attribute(d, a.name());
      Expression value = expressions.expression(a.expression());
      if (spec != null) {
        attributes.put(spec.name(), new Template.Property(spec.kind(), value, ExpressionReader.text(a)));
      }
    }
    for (OpDefinition.AttributeSpec spec : d.attributes().values()) {
      if (spec.required() && !attributes.containsKey(spec.name())) {
        errors.at(o.operation(), d.name() + " needs attribute " + spec.name());
      }
    }
    return new Template.Op(d, operands, attributes);
  }
}
