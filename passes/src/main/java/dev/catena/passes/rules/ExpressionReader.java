package dev.catena.passes.rules;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.misc.Interval;

/** Reads conditions and expressions of one rule. */
final class ExpressionReader {
  private final RuleErrors errors;
  /** The names that the rule's pattern binds. */
  private final Set<String> bound;

  ExpressionReader(RuleErrors errors, Set<String> bound) {
    this.errors = errors;
    this.bound = bound;
  }

  /** A tree as it is written. */
  static String text(ParserRuleContext c) {
    return c.start.getInputStream().getText(Interval.of(c.start.getStartIndex(), c.stop.getStopIndex()))
        .replaceAll("\\s+", " ");
  }

  /** A variable's name, which the pattern must bind. */
  String variable(Token token) {
    String name = token.getText().substring(1);
    if (!bound.contains(name)) {
      errors.at(token, "$" + name + " doesn't occur in the pattern, which binds "
          + bound.stream().sorted().map(b -> "$" + b).collect(Collectors.joining(", ")));
    }
    return name;
  }

  Expression condition(RulesParser.ConditionContext c) {
    if (c instanceof RulesParser.NotConditionContext n) {
      Expression inner = condition(n.condition());
      return m -> inner.of(m) instanceof Boolean b ? (Boolean) !b : null;
    } else if (c instanceof RulesParser.OrConditionContext o) {
      Expression a = condition(o.condition(0));
      Expression b = condition(o.condition(1));
      return m -> Boolean.TRUE.equals(a.of(m)) || Boolean.TRUE.equals(b.of(m));
    } else if (c instanceof RulesParser.RelationConditionContext r) {
      Expression a = expression(r.expression(0));
      Expression b = expression(r.expression(1));
      String relation = r.relation.getText();
      return m -> {
        Object left = a.of(m);
        Object right = left == null ? null : b.of(m);
        return right == null ? null : Numbers.compare(relation, left, right);
      };
    } else if (c instanceof RulesParser.CallConditionContext k) {
      return call(k.call());
    }
    return condition(((RulesParser.GroupConditionContext) c).condition());
  }

  Expression expression(RulesParser.ExpressionContext e) {
    if (e instanceof RulesParser.MinusExpressionContext n) {
      return operation("-", m -> Dim.of(0), expression(n.expression()));
    } else if (e instanceof RulesParser.ProductExpressionContext p) {
      return operation(p.operator.getText(), expression(p.expression(0)), expression(p.expression(1)));
    } else if (e instanceof RulesParser.SumExpressionContext s) {
      return operation(s.operator.getText(), expression(s.expression(0)), expression(s.expression(1)));
    } else if (e instanceof RulesParser.CallExpressionContext c) {
      return call(c.call());
    } else if (e instanceof RulesParser.VariableExpressionContext v) {
      String name = variable(v.VARIABLE().getSymbol());
      return m -> Functions.plain(m.get(name));
    } else if (e instanceof RulesParser.NumberExpressionContext n) {
      Object number = n.INT() != null ? Dim.of(Long.parseLong(n.INT().getText()))
          : (Object) Double.parseDouble(n.REAL().getText());
      return m -> number;
    } else if (e instanceof RulesParser.TextExpressionContext t) {
      String text = PatternReader.unquoted(t.STRING());
      return m -> text;
    } else if (e instanceof RulesParser.ElementExpressionContext x) {
      ElementType element = Functions.element(x.getText());
      if (element == null) {
        errors.at(x, "expected an element type, a number or a variable, found " + x.getText());
      }
      return m -> element;
    } else if (e instanceof RulesParser.ListExpressionContext l) {
      return list(l.expression().stream().map(this::expression).toList());
    }
    return expression(((RulesParser.GroupExpressionContext) e).expression());
  }

  private static Expression operation(String operator, Expression a, Expression b) {
    return m -> {
      Object left = a.of(m);
      Object right = left == null ? null : b.of(m);
      return right == null ? null : Numbers.compute(operator, left, right);
    };
  }

  private static Expression list(List<Expression> elements) {
    return m -> {
      List<Dim> all = new ArrayList<>();
      for (Expression e : elements) {
        Dim d = Numbers.integer(e.of(m));
        if (d == null) {
          return null;
        }
        all.add(d);
      }
      return all;
    };
  }

  private Expression call(RulesParser.CallContext c) {
    String name = c.name().getText();
    Functions.Function f = Functions.find(name);
    List<Expression> arguments = c.expression().stream().map(this::expression).toList();
    if (f == null) {
      errors.at(c, "there is no function " + name + "; there are " + Functions.names());
      return m -> null;
    }
    if (f.arguments() != arguments.size()) {
      errors.at(c, name + " takes " + f.arguments() + " arguments, found " + arguments.size());
    }
    return m -> {
      List<Object> values = new ArrayList<>();
      for (Expression a : arguments) {
        Object value = a.of(m);
        if (value == null && !f.lazy()) {
          return null;
        }
        values.add(value);
      }
      return f.meaning().of(values);
    };
  }
}
