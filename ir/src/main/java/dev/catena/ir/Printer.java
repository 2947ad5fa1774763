package dev.catena.ir;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Writes modules in the text form. Names are made unique within a stage, so that the text can be read back. */
public final class Printer {
  private static final Pattern WORD = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*");
  private static final Pattern SYMBOL = Pattern.compile("[A-Za-z_][A-Za-z0-9_.-]*");
  /** Words that stand for values in the grammar. */
  private static final Set<String> NOT_WORDS = Set.of("true", "false", "inf", "nan", "_");
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  private final IdentityHashMap<Value, String> names = new IdentityHashMap<>();
  private final Set<String> taken = new HashSet<>();
  private final StringBuilder out = new StringBuilder();

  private Printer() {}

  public static String module(Module module) {
    StringBuilder s = new StringBuilder("module @" + symbol(module.name()));
    if (!module.attributes().isEmpty()) {
      s.append(' ').append(attributes(module.attributes()));
    }
    s.append(" {\n");
    for (Weight w : module.weights().values()) {
      s.append("  weight @").append(symbol(w.name())).append(" : ").append(w.type().text()).append(" = ")
          .append(w.data().text()).append(" sha256 ").append(w.data().hash()).append('\n');
    }
    for (Stage stage : module.stages()) {
      s.append(stage(stage).indent(2));
    }
    return s.append("}\n").toString();
  }

  public static String stage(Stage stage) {
    Printer p = new Printer();
    p.print(stage);
    return p.out.toString();
  }

  /** One operation by itself and without its regions, for messages: one line. */
  public static String operation(Operation op) {
    Printer p = new Printer();
    p.print(op);
    return p.out.toString();
  }

  private void print(Stage stage) {
    out.append("stage @").append(symbol(stage.name())).append(arguments(stage)).append(" -> (");
    List<String> results = new ArrayList<>();
    for (int i = 0; i < stage.outputs().size(); i++) {
      results.add(word(stage.outputNames().get(i)) + ": " + stage.outputs().get(i).type().text());
    }
    out.append(String.join(", ", results)).append(')');
    if (!stage.attributes().isEmpty()) {
      out.append(' ').append(attributes(stage.attributes()));
    }
    body(stage, "");
  }

  private String arguments(Block block) {
    return block.arguments().stream().map(a -> "%" + name(a) + ": " + a.type().text())
        .collect(Collectors.joining(", ", "(", ")"));
  }

  private void body(Block block, String indent) {
    out.append(" {\n");
    for (Operation op : block.operations()) {
      out.append(indent).append("  ");
      print(op);
      out.append('\n');
      for (int i = 0; i < op.regions().size(); i++) {
        Printer region = new Printer(); // its names are its own
        String arguments = region.arguments(op.regions().get(i));
        region.body(op.regions().get(i), indent + "    ");
        out.append(indent).append("    ").append(op.definition().regions().get(i)).append(arguments).append(region.out);
      }
    }
    String outputs = block.outputs().stream().map(this::reference).collect(Collectors.joining(", "));
    out.append(indent).append(outputs.isEmpty() ? "  return" : "  return " + outputs).append('\n').append(indent)
        .append("}\n");
  }

  private void print(Operation op) {
    out.append(op.results().stream().map(r -> "%" + name(r)).collect(Collectors.joining(", ")));
    out.append(" = ").append(op.name());
    int last = op.operands().size();
    while (last > 0 && op.operand(last - 1) == null) {
      last--;
    }
    for (int i = 0; i < last; i++) {
      Value v = op.operand(i);
      out.append(i == 0 ? " " : ", ").append(v == null ? "_" : reference(v));
    }
    if (!op.attributes().isEmpty()) {
      out.append(' ').append(attributes(op.attributes()));
    }
    String types = op.results().stream().map(r -> r.type() == null ? "?" : r.type().text())
        .collect(Collectors.joining(", "));
    out.append(" : ").append(op.results().size() == 1 ? types : "(" + types + ")");
  }

  private String reference(Value v) {
    return v.weight() != null ? "@" + symbol(v.weight().name()) : "%" + name(v);
  }

  private String name(Value v) {
    return names.computeIfAbsent(v, k -> {
      String hint = v.name();
      if (!v.isArgument()) { // a hint; an argument's name is part of the interface
        hint = hint.replaceAll("[^A-Za-z0-9_]", "_");
        if (hint.isEmpty() || Character.isDigit(hint.charAt(0))) {
          hint = "v" + hint;
        }
      }
      String unique = hint;
      for (int i = 1; !taken.add(unique); i++) {
        unique = hint + "_" + i;
      }
      return symbol(unique);
    });
  }

  /** A name after {@code @} or {@code %}: plain where it is an identifier (dots and dashes allowed), else quoted. */
  public static String symbol(String name) {
    return SYMBOL.matcher(name).matches() ? name : quoted(name);
  }

  /** A name of an output or an attribute: plain where it reads as one, else quoted. */
  static String word(String name) {
    return WORD.matcher(name).matches() && !NOT_WORDS.contains(name) && !HASH.matcher(name).matches() ? name
        : quoted(name);
  }

  /** A text between quotation marks, with escapes for what isn't printable ASCII. */
  static String quoted(String text) {
    StringBuilder s = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> s.append("\\\"");
        case '\\' -> s.append("\\\\");
        case '\n' -> s.append("\\n");
        default -> {
          if (c < 0x20 || c > 0x7e) {
            s.append(String.format("\\u%04x", (int) c));
          } else {
            s.append(c);
          }
        }
      }
    }
    return s.append('"').toString();
  }

  static String attributes(Map<String, Attribute> attributes) {
    return attributes.entrySet().stream().map(e -> word(e.getKey()) + " = " + attribute(e.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }

  /** An attribute by itself, as it is printed behind its name. */
  public static String attribute(Attribute a) {
    if (a instanceof Attribute.Int i) {
      return Long.toString(i.value());
    } else if (a instanceof Attribute.Real r) {
      return real(r.value());
    } else if (a instanceof Attribute.Flag f) {
      return Boolean.toString(f.value());
    } else if (a instanceof Attribute.Text t) {
      return quoted(t.value());
    } else if (a instanceof Attribute.Ints i) {
      return i.values().stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    } else if (a instanceof Attribute.Reals r) {
      return r.values().stream().map(Printer::real).collect(Collectors.joining(", ", "reals[", "]"));
    } else if (a instanceof Attribute.Texts t) {
      return t.values().stream().map(Printer::quoted).collect(Collectors.joining(", ", "texts[", "]"));
    } else if (a instanceof Attribute.Element e) {
      return e.value().keyword();
    }
    return dense(((Attribute.Dense) a).value());
  }

  /** A small constant: {@code dense<i64, [2], [1, 2]>}. */
  static String dense(Tensor t) {
    List<String> elements = new ArrayList<>();
    for (int i = 0; i < t.size(); i++) {
      switch (t.element()) {
        case STRING -> elements.add(quoted(t.getText(i)));
        case BOOL -> elements.add(t.getLong(i) != 0 ? "true" : "false");
        case F64 -> elements.add(real(t.get(i)));
        case U64 -> elements.add(Long.toUnsignedString(t.getLong(i)));
        default -> elements.add(t.element().isFloat() ? real((float) t.get(i)) : Long.toString(t.getLong(i)));
      }
    }
    return "dense<" + t.element().keyword() + ", " + java.util.Arrays.toString(t.shape()) + ", ["
        + String.join(", ", elements) + "]>";
  }

  private static String real(double d) {
    return finite(Double.toString(d), d);
  }

  private static String real(float f) {
    return finite(Float.toString(f), f);
  }

  private static String finite(String text, double d) {
    if (Double.isNaN(d)) {
      return "nan";
    }
    return Double.isInfinite(d) ? (d < 0 ? "-inf" : "inf") : text.toLowerCase(Locale.ROOT);
  }
}
