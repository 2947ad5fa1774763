package dev.catena.frontend.onnx;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Short readable names for values, each given out once. */
final class NameHints {
  private static final Pattern GENERATED = Pattern.compile("(onnx::)?[A-Za-z]*[_.]?[0-9]+");
  private static final Pattern COUNTER = Pattern.compile("_output_[0-9]+$");
  private static final Pattern COLON_COUNTER = Pattern.compile(":[0-9]+$");
  private static final Pattern ODD_ENDS = Pattern.compile("^_+|_+$");
  private static final Pattern ODD = Pattern.compile("[^A-Za-z0-9_]+");

  private final Set<String> taken = new HashSet<>();
  private final Map<String, Integer> next = new HashMap<>();

  /** A name for what the graph calls {@code name}, computed by {@code operation}. */
  String value(String name, String operation) {
    String s = withoutCounter(name);
    String[] parts = s.split("/");
    String last = parts.length == 0 ? operation : parts[parts.length - 1]; // of "/" nothing is left
    // "/self_attn/q_proj/MatMul" reads best as q_proj_matmul; "onnx::Mul_117" as mul.
    if (GENERATED.matcher(last).matches() && parts.length < 2) {
      last = operation;
    } else if (parts.length > 1 && !parts[parts.length - 2].isEmpty()) {
      last = parts[parts.length - 2] + "_" + last;
    }
    return unique(plain(last).toLowerCase(Locale.ROOT));
  }

  /** {@code name} without what exporters append for a node's first, second, … output. */
  static String withoutCounter(String name) {
    String plain = name.contains("_output_") ? COUNTER.matcher(name).replaceAll("") : name;
    return plain.indexOf(':') >= 0 ? COLON_COUNTER.matcher(plain).replaceAll("") : plain;
  }

  /** A name for a stage's argument: the graph's own, as far as the text form allows. */
  String argument(String name) {
    return unique(plain(name));
  }

  /** {@code name} as an identifier of at most 48 characters. */
  static String plain(String name) {
    String s = ODD_ENDS.matcher(ODD.matcher(name.startsWith("onnx::") ? name.substring(6) : name).replaceAll("_")).replaceAll("");
    if (s.length() > 48) {
      s = s.substring(s.length() - 48);
    }
    return s.isEmpty() || Character.isDigit(s.charAt(0)) ? "v" + s : s;
  }

  private String unique(String wanted) {
    String name = wanted;
    while (!taken.add(name)) {
      name = wanted + "_" + next.merge(wanted, 1, Integer::sum);
    }
    return name;
  }
}
