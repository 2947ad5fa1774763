package dev.catena.passes;

import dev.catena.ir.Module;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** A list of passes with their options, written {@code "fold,clean,quantize{bits=4 group=128}"}. */
public final class Pipeline {
  private static final Pattern STEP = Pattern.compile("\\s*([A-Za-z][A-Za-z0-9_-]*)\\s*(?:\\{([^{}]*)\\})?\\s*(,|$)");

  /** One pass with its options. */
  public record Step(Pass pass, PassOptions options) {
    /** As a pipeline writes it. */
    @Override
    public String toString() {
      return pass.name() + (options.all().isEmpty() ? "" : options.all().entrySet().stream()
          .map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(" ", "{", "}")));
    }
  }

  /** Called after each pass; steps are counted from 1, 0 is the imported module. */
  @FunctionalInterface
  public interface Listener {
    void after(int step, String pass, Module module);
  }

  private final List<Step> steps;

  private Pipeline(List<Step> steps) {
    this.steps = List.copyOf(steps);
  }

  static Pipeline of(Pass... passes) {
    List<Step> steps = new ArrayList<>();
    for (Pass p : passes) {
      steps.add(new Step(p, new PassOptions(p, Map.of())));
    }
    return new Pipeline(steps);
  }

  /** Reads a pipeline; what can't be read or isn't known is an error in one line. No text, no passes. */
  public static Pipeline parse(String text) {
    List<Step> steps = new ArrayList<>();
    Matcher m = STEP.matcher(text);
    int at = 0;
    boolean more = !text.isBlank();
    while (more) {
      if (!m.find(at) || m.start() != at) {
        throw unreadable(text, at);
      }
      Pass pass = Passes.get(m.group(1));
      steps.add(new Step(pass, new PassOptions(pass, options(pass, m.group(2)))));
      more = m.group(3).equals(",");
      at = m.end();
    }
    return new Pipeline(steps);
  }

  private static PassException unreadable(String text, int at) {
    Matcher name = Pattern.compile("\\s*([A-Za-z][A-Za-z0-9_-]*)\\s*").matcher(text).region(at, text.length());
    String rest = text.substring(at);
    if (rest.isBlank()) {
      return new PassException("pipeline: expected a pass name after the last comma of \"" + text + "\"");
    }
    if (!name.lookingAt()) {
      return new PassException("pipeline: expected a pass name at \"" + rest.strip() + "\"");
    }
    String behind = text.substring(name.end());
    return new PassException("pipeline: " + (behind.startsWith("{") ? "the options of " + name.group(1)
        + " lack the closing } in \"" : "expected a comma or {options} behind the pass name in \"") + rest.strip() + "\"");
  }

  private static Map<String, String> options(Pass pass, String text) {
    Map<String, String> given = new LinkedHashMap<>();
    for (String option : text == null || text.isBlank() ? new String[0] : text.trim().split("\\s+")) {
      int equals = option.indexOf('=');
      if (equals <= 0) {
        throw new PassException("pipeline: " + pass.name() + ": expected name=value, found \"" + option + "\"");
      }
      if (given.put(option.substring(0, equals), option.substring(equals + 1)) != null) {
        throw new PassException("pipeline: " + pass.name() + ": option " + option.substring(0, equals) + " is given twice");
      }
    }
    return given;
  }

  public List<Step> steps() {
    return steps;
  }

  /** The steps up to the last one of this name; an error where there is none. */
  public Pipeline upTo(String pass) {
    for (int i = steps.size(); i > 0; i--) {
      if (steps.get(i - 1).pass().name().equals(pass)) {
        return new Pipeline(steps.subList(0, i));
      }
    }
    throw new PassException("the pipeline has no pass " + pass + ": " + this);
  }

  /** The steps but those of this name. */
  public Pipeline without(String pass) {
    return new Pipeline(steps.stream().filter(s -> !s.pass().name().equals(pass)).toList());
  }

  /** Runs all passes in order; what happens around each is {@link Pass#apply}'s and the context's. */
  public void run(Module module, PassContext context) {
    context.starting(module);
    for (Step step : steps) {
      step.pass().apply(module, step.options(), context);
    }
  }

  /** Runs all passes in order; with {@code verify}, checks the module after each and names the pass that broke it. */
  public void run(Module module, PassContext context, boolean verify, Listener listener) {
    run(module, context.verifyEach(verify).observe(r -> listener.after(r.step(), r.pass(), r.module())));
  }

  @Override
  public String toString() {
    return steps.stream().map(Step::toString).collect(Collectors.joining(","));
  }
}
