package dev.catena.ir;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The page {@code docs/operations.md}: every declared operation, as its declaration says it. */
public final class OperationsReference {
  private OperationsReference() {}

  public static String markdown() {
    StringBuilder s = new StringBuilder("""
        # Operations

        Made from the declarations (`OpDefinition`) by `OperationsReferenceTest`; `-Dbless` writes it anew. In the column of
        operands, `x?` may be absent, `x…` stands for any number of values, and `x!` is written over: its operation is the last
        to read it. An attribute with `= value` may be left out, one with `?` may be absent.

        | trait | promise |
        | --- | --- |
        """);
    for (Trait t : Trait.values()) {
      s.append("| ").append(name(t)).append(" | ").append(t.doc()).append(" |\n");
    }
    Map<String, List<OpDefinition>> dialects = new TreeMap<>();
    Dialects.all().forEach(d -> dialects.computeIfAbsent(d.dialect(), k -> new ArrayList<>()).add(d));
    dialects.forEach((dialect, operations) -> {
      s.append("\n## ").append(dialect).append("\n\n| operation | operands | results | attributes | traits | meaning |\n")
          .append("| --- | --- | --- | --- | --- | --- |\n");
      operations.forEach(d -> s.append(row(d)));
    });
    return s.toString();
  }

  private static String row(OpDefinition d) {
    List<String> attributes = new ArrayList<>();
    for (OpDefinition.AttributeSpec a : d.attributes().values()) {
      attributes.add(code(a.name() + (a.required() ? "" : a.byDefault() == null ? "?"
          : " = " + Printer.attribute(a.byDefault()))) + " " + Attribute.describe(a.kind()));
    }
    d.regions().forEach(r -> attributes.add("region " + code(r)));
    String traits = d.traits().stream().map(OperationsReference::name).collect(Collectors.joining(", "));
    return "| " + String.join(" | ", code(d.name()), positions(d.operands()), positions(d.results()),
        String.join(", ", attributes), traits, d.doc().replace("|", "\\|")
            + (d.meaning() == null ? " (No meaning in the evaluator.)" : "")).replaceAll(" +", " ") + " |\n";
  }

  private static String positions(List<OpDefinition.OperandSpec> specs) {
    return specs.stream().map(o -> code(o.name() + (o.consumed() ? "!" : switch (o.arity()) {
      case ONE -> "";
      case OPTIONAL -> "?";
      case VARIADIC -> "…";
    }))).collect(Collectors.joining(", "));
  }

  private static String name(Trait t) {
    return t.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String code(String text) {
    return "`" + text.replace("|", "\\|") + "`";
  }
}
