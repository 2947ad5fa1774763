package dev.catena.passes.rules;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CommonTokenStream;

/** Reads rule files. */
public final class RuleReader {
  private final String file;
  private final RuleErrors errors;
  private final PatternReader patterns;

  private RuleReader(String file, RuleErrors errors) {
    this.file = file;
    this.errors = errors;
    this.patterns = new PatternReader(errors);
  }

  /**
   * Reads a text.
   *
   * @param name how messages call it
   * @throws RuleException with everything that is wrong
   */
  public static List<Rule> parse(String text, String name) {
    return file(text, name).rules();
  }

  static RuleFile file(String text, String name) {
    try {
      return read(text, name);
    } catch (StackOverflowError e) {
      throw new RuleException(List.of(name + ":1:1: patterns or expressions are nested too deeply"));
    }
  }

  private static RuleFile read(String text, String name) {
    RuleErrors errors = new RuleErrors(name, text);
    RulesLexer lexer = new RulesLexer(CharStreams.fromString(text, name));
    lexer.removeErrorListeners();
    lexer.addErrorListener(errors);
    CommonTokenStream tokens = new CommonTokenStream(lexer);
    RulesParser parser = new RulesParser(tokens);
    parser.removeErrorListeners();
    parser.addErrorListener(errors);
    RulesParser.FileContext tree = parser.file();
    tokens.getTokens().stream().filter(t -> t.getType() == RulesParser.INT && !fitsLong(t.getText()))
        .forEach(t -> errors.at(t, "expected a number that fits 64 bits"));
    if (errors.any()) { // a tree with holes has no meaning to look for
      throw new RuleException(errors.list());
    }
    List<Rule> rules = new RuleReader(name, errors).rules(tree);
    if (errors.any()) {
      throw new RuleException(errors.list());
    }
    RulesParser.PhaseContext phase = tree.phase();
    return new RuleFile(name.replaceFirst("\\.rules$", ""), phase.name(0).getText(),
        phase.name().stream().skip(1).map(n -> n.getText()).toList(), rules);
  }

  private static boolean fitsLong(String digits) {
    try {
      Long.parseLong(digits);
      return true;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private List<Rule> rules(RulesParser.FileContext tree) {
    List<Rule> rules = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < tree.getChildCount(); i++) {
      if (tree.getChild(i) instanceof RulesParser.DefinitionContext d) {
        patterns.define(d);
      } else if (tree.getChild(i) instanceof RulesParser.FusionContext f) {
        if (!names.add(f.name().getText())) {
          errors.at(f.name(), "two rules are named " + f.name().getText());
        }
        rules.add(rule(f));
      }
    }
    return rules;
  }

  private Rule rule(RulesParser.FusionContext f) {
    Set<String> bound = new HashSet<>(Set.of(Rule.ROOT));
    int before = errors.count();
    Pattern pattern = patterns.read(f.pattern(), bound);
    if (errors.count() == before && Rule.roots(pattern).isEmpty()) {
      errors.at(f.pattern(), "a rule starts from an operation, found " + ExpressionReader.text(f.pattern()));
    }
    if (PatternReader.unquoted(f.STRING()).isBlank()) {
      errors.at(f.STRING().getSymbol(), "a rule says in a line what it does");
    }
    ExpressionReader expressions = new ExpressionReader(errors, bound);
    List<Rule.Condition> conditions = new ArrayList<>();
    if (f.conditions() != null) {
      for (RulesParser.ConditionContext c : f.conditions().condition()) {
        conditions.add(new Rule.Condition(ExpressionReader.text(c), expressions.condition(c)));
      }
    }
    TemplateReader templates = new TemplateReader(errors, patterns, expressions);
    List<Rule.Replacement> replacements = f.replacement().stream().map(templates::read).toList();
    List<RuleExample> examples = f.example().stream().map(e -> example(e, expressions)).toList();
    return new Rule(f.name().getText(), PatternReader.unquoted(f.STRING()), file + ":" + f.getStart().getLine(), pattern,
        conditions, replacements, examples);
  }

  private RuleExample example(RulesParser.ExampleContext e, ExpressionReader expressions) {
    Map<String, RuleExample.Given> values = new LinkedHashMap<>();
    for (RulesParser.ExampleValueContext v : e.exampleValue()) {
      if (values.put(expressions.variable(v.VARIABLE().getSymbol()), given(v.given())) != null) {
        errors.at(v, v.VARIABLE().getText() + " is given twice");
      }
    }
    return new RuleExample(values);
  }

  private RuleExample.Given given(RulesParser.GivenContext g) {
    if (g instanceof RulesParser.NumberGivenContext n) {
      return new RuleExample.NumberGiven(Double.parseDouble(n.getText()));
    } else if (g instanceof RulesParser.IntegersGivenContext i) {
      return new RuleExample.IntegersGiven(PatternReader.integers(i.integers()));
    }
    RulesParser.NameContext element = g instanceof RulesParser.TensorGivenContext t ? t.element
        : ((RulesParser.ElementGivenContext) g).name();
    if (Functions.element(element.getText()) == null) {
      errors.at(element, "expected an element type, found " + element.getText());
    }
    if (g instanceof RulesParser.TensorGivenContext t) {
      return new RuleExample.TensorGiven(Functions.element(element.getText()), PatternReader.integers(t.integers()),
          t.getStart().getText().equals("constant"), t.INT() == null ? 2 : Long.parseLong(t.INT().getText()),
          t.getStop().getText().equals("shared"));
    }
    return new RuleExample.ElementGiven(Functions.element(element.getText()));
  }
}
