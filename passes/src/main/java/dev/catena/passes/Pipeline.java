package dev.catena.passes;

import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.Verifier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** A list of passes with their options, written {@code "fold,clean,quantize{bits=4 group=128}"}. */
public final class Pipeline {
  private static final Pattern STEP = Pattern.compile("\\s*([a-z][a-z0-9-]*)\\s*(?:\\{([^{}]*)\\})?\\s*(,|$)");

  /** One pass with its options. */
  public record Step(Pass pass, PassOptions options) {}

  /** Called after each pass; steps are counted from 1, 0 is the imported module. */
  @FunctionalInterface
  public interface Listener {
    void after(int step, String pass, Module module);
  }

  private final List<Step> steps = new ArrayList<>();

  private Pipeline() {}

  /** Reads a pipeline; what can't be read or isn't known is an error in one line. */
  public static Pipeline parse(String text) {
    Pipeline pipeline = new Pipeline();
    Matcher m = STEP.matcher(text);
    int at = 0;
    while (at < text.length()) {
      if (!m.find(at) || m.start() != at) {
        throw new PassException("pipeline: expected a pass name at \"" + text.substring(at) + "\"");
      }
      Pass pass = Passes.get(m.group(1));
      Map<String, String> given = new LinkedHashMap<>();
      for (String option : m.group(2) == null ? new String[0] : m.group(2).trim().split("\\s+")) {
        if (!option.isEmpty()) {
          int equals = option.indexOf('=');
          if (equals <= 0) {
            throw new PassException("pipeline: " + pass.name() + ": expected name=value, found \"" + option + "\"");
          }
          given.put(option.substring(0, equals), option.substring(equals + 1));
        }
      }
      pipeline.steps.add(new Step(pass, new PassOptions(pass, given)));
      at = m.end();
    }
    return pipeline;
  }

  public List<Step> steps() {
    return List.copyOf(steps);
  }

  /** Runs all passes in order; with {@code verify}, checks the module after each and names the pass that broke it. */
  public void run(Module module, PassContext context, boolean verify, Listener listener) {
    listener.after(0, "import", module);
    int n = 0;
    for (Step step : steps) {
      step.pass().apply(module, step.options(), context);
      if (verify) {
        try {
          Verifier.verify(module);
        } catch (IrException e) {
          throw new PassException("after pass " + step.pass().name() + ": " + e.getMessage());
        }
      }
      listener.after(++n, step.pass().name(), module);
    }
  }

  @Override
  public String toString() {
    return steps.stream().map(s -> s.pass().name() + (s.options().all().isEmpty() ? ""
        : s.options().all().entrySet().stream().map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" ", "{", "}")))).collect(Collectors.joining(","));
  }
}
