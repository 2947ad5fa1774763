package dev.catena.passes;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The options of one step of a pipeline, checked against what the pass declares. */
public final class PassOptions {
  /** One option: its name, default value and one line of doc. */
  public record Declared(String name, String byDefault, String doc) {}

  private final String pass;
  private final Map<String, String> values = new LinkedHashMap<>();

  PassOptions(Pass pass, Map<String, String> given) {
    this.pass = pass.name();
    for (Declared d : pass.options()) {
      values.put(d.name(), given.getOrDefault(d.name(), d.byDefault()));
    }
    for (String name : given.keySet()) {
      if (!values.containsKey(name)) {
        throw new PassException("pass " + this.pass + " has no option " + name + "; it has "
            + (values.isEmpty() ? "none" : String.join(", ", values.keySet())));
      }
    }
  }

  public String text(String name) {
    return values.get(name);
  }

  /** A whole number; anything else is an error that names the pass and the option. */
  public long number(String name) {
    try {
      return Long.parseLong(values.get(name));
    } catch (NumberFormatException e) {
      throw new PassException("pass " + pass + ": option " + name + " must be a whole number, is " + values.get(name));
    }
  }

  public boolean flag(String name) {
    return switch (values.get(name)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new PassException(
          "pass " + pass + ": option " + name + " must be true or false, is " + values.get(name));
    };
  }

  public Map<String, String> all() {
    return Collections.unmodifiableMap(values);
  }
}
