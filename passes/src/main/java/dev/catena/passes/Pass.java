package dev.catena.passes;

import dev.catena.ir.Module;
import java.util.List;

/** One job on a module: stateless, in its own file, with a declared name, summary and options. */
public abstract class Pass {
  private final String name;
  private final String summary;
  private final List<PassOptions.Declared> options;

  protected Pass(String name, String summary, PassOptions.Declared... options) {
    this.name = name;
    this.summary = summary;
    this.options = List.of(options);
  }

  /** As pipelines call it. */
  public final String name() {
    return name;
  }

  /** One line for {@code catena opt --help}. */
  public final String summary() {
    return summary;
  }

  public final List<PassOptions.Declared> options() {
    return options;
  }

  /** Runs the pass and measures it. */
  final void apply(Module module, PassOptions given, PassContext context) {
    long start = System.nanoTime();
    try {
      run(module, given, context);
    } finally {
      context.time(name, System.nanoTime() - start);
    }
  }

  /** The job itself; changes {@code module} in place. */
  protected abstract void run(Module module, PassOptions options, PassContext context);
}
