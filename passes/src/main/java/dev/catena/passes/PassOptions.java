package dev.catena.passes;

import dev.catena.ir.text.Suggestion;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The options of one step of a pipeline, checked against what the pass declares before anything runs. */
public final class PassOptions {
  private enum Kind { NUMBER, FLAG, CHOICE, WORDS }

  /** One option: its name, what it may be, its default value and one line of doc. */
  public record Declared(String name, Kind kind, List<String> choices, String byDefault, String doc) {
    /** {@code NAME=VALUE} as help shows it. */
    public String usage() {
      return name + "=" + switch (kind) {
        case NUMBER -> "N";
        case FLAG -> "true|false";
        case CHOICE -> String.join("|", choices);
        case WORDS -> "TEXT";
      };
    }

    private void check(String pass, String value) {
      boolean fits = switch (kind) {
        case NUMBER -> value.matches("-?[0-9]{1,18}");
        case FLAG -> value.equals("true") || value.equals("false");
        case CHOICE -> choices.contains(value);
        case WORDS -> true;
      };
      if (!fits) {
        throw new PassException("pass " + pass + ": option " + name + " must be " + switch (kind) {
          case NUMBER -> "a whole number";
          case FLAG -> "true or false";
          case CHOICE -> "one of " + String.join(", ", choices);
          case WORDS -> "a text";
        } + ", is " + value);
      }
    }
  }

  /** A whole number; the pass checks its range. */
  public static Declared number(String name, long byDefault, String doc) {
    return new Declared(name, Kind.NUMBER, List.of(), Long.toString(byDefault), doc);
  }

  public static Declared flag(String name, boolean byDefault, String doc) {
    return new Declared(name, Kind.FLAG, List.of(), Boolean.toString(byDefault), doc);
  }

  /** One of a few values. */
  public static Declared choice(String name, String byDefault, String doc, String... choices) {
    return new Declared(name, Kind.CHOICE, List.of(choices), byDefault, doc);
  }

  /** A text without blanks and braces; the pass reads it. */
  public static Declared words(String name, String byDefault, String doc) {
    return new Declared(name, Kind.WORDS, List.of(), byDefault, doc);
  }

  private final Map<String, String> values = new LinkedHashMap<>();

  PassOptions(Pass pass, Map<String, String> given) {
    for (Declared d : pass.options()) {
      String value = given.getOrDefault(d.name(), d.byDefault());
      d.check(pass.name(), value);
      values.put(d.name(), value);
    }
    for (String name : given.keySet()) {
      if (!values.containsKey(name)) {
        throw new PassException("pass " + pass.name() + " has no option " + name + "; it has "
            + (values.isEmpty() ? "none" : String.join(", ", values.keySet()))
            + Suggestion.among(name, List.copyOf(values.keySet())));
      }
    }
  }

  public String text(String name) {
    return declared(name);
  }

  public long number(String name) {
    return Long.parseLong(declared(name));
  }

  public boolean flag(String name) {
    return declared(name).equals("true");
  }

  private String declared(String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException("no option " + name + " is declared");
    }
    return value;
  }

  public Map<String, String> all() {
    return Collections.unmodifiableMap(values);
  }
}
