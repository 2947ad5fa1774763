package dev.catena.passes;

import java.util.function.Consumer;

/** Prints modules between passes: after one, after all, or after those that changed something. */
public final class PassPrinter implements PassObserver {
  /** What is printed after a pass. */
  public enum Form {
    /** The module. */
    MODULE,
    /** The module where the pass changed it, else a line that says it didn't. */
    CHANGED,
    /** What the pass changed, as a unified diff. */
    DIFF
  }

  /** The name that stands for every pass. */
  public static final String ALL = "all";

  private final Form form;
  private final String pass;
  private final Consumer<String> out;
  private String before = "";

  /** @param pass a pass's name, or {@link #ALL} */
  public PassPrinter(Form form, String pass, Consumer<String> out) {
    this.form = form;
    this.pass = pass;
    this.out = out;
  }

  @Override
  public void after(PassResult result) {
    String text = result.text();
    if (pass.equals(ALL) || pass.equals(result.pass())) {
      print(result, text);
    }
    before = text;
  }

  private void print(PassResult result, String text) {
    String title = "// after " + result.label();
    boolean changed = !text.equals(before);
    switch (form) {
      case MODULE -> out.accept(title + "\n" + text);
      case CHANGED -> out.accept(changed ? title + "\n" + text : title + ": unchanged\n");
      case DIFF -> {
        if (result.step() > 0) {
          String diff = TextDiff.unified(before, text);
          out.accept(title + (!diff.isEmpty() ? "\n" + diff : changed ? ": unchanged but for numbers of values\n" : ": unchanged\n"));
        }
      }
    }
  }
}
