package dev.catena.passes;

import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.Verifier;
import java.util.List;
import java.util.Objects;

/**
 * One job on a module: stateless, in its own file, with a declared name, summary and options. A pass writes
 * {@link #run}; {@link #apply} does around it what every pass needs. A concrete subclass in this package with a public
 * constructor without arguments is found by {@link Passes} and needs no registration.
 */
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

  /** Runs the pass: measures it, checks its result where that is wanted, and tells the observers how it went. */
  final void apply(Module module, PassOptions given, PassContext context) {
    long start = System.nanoTime();
    try {
      try {
        run(module, given, context);
      } catch (IndexOutOfBoundsException | ClassCastException | NullPointerException | ArithmeticException
          | NegativeArraySizeException | IllegalStateException | StackOverflowError e) {
        throw stumbled(module, e);
      } finally {
        context.time(name, System.nanoTime() - start);
      }
      if (context.verifiesEach()) {
        verify(module);
      }
    } catch (RuntimeException e) {
      context.failed(new Pipeline.Step(this, given), e);
      throw e;
    }
    context.finished(name, module);
  }

  /** A graph that no exporter writes can be more than a pass is made for; its author is told which file and which pass. */
  private PassException stumbled(Module module, Throwable e) {
    String source = module.stages().stream().map(s -> s.textAttribute("source")).filter(Objects::nonNull).findFirst()
        .orElse("@" + module.name());
    return new PassException(source + ": pass " + name + " can't work on this graph: " + e.getClass().getSimpleName()
        + (e.getMessage() == null ? "" : ": " + e.getMessage()), e);
  }

  private void verify(Module module) {
    try {
      Verifier.verify(module);
    } catch (IrException e) {
      throw new PassException("after pass " + name + ": " + e.getMessage());
    }
  }

  /** The job itself; changes {@code module} in place. */
  protected abstract void run(Module module, PassOptions options, PassContext context);
}
