package dev.catena.passes;

import dev.catena.ir.Module;

/** The module after one step of a pipeline. Its text is made once, however many observers read it. */
public final class PassResult {
  private final int step;
  private final String pass;
  private final Module module;
  private String text;

  PassResult(int step, String pass, Module module) {
    this.step = step;
    this.pass = pass;
    this.module = module;
  }

  /** Counted from 1; 0 is the module before the first pass. */
  public int step() {
    return step;
  }

  /** The pass, or {@code import}. */
  public String pass() {
    return pass;
  }

  public Module module() {
    return module;
  }

  public String text() {
    if (text == null) {
      text = module.toString();
    }
    return text;
  }

  /** What files and headings call it: {@code 03-raise}. */
  public String label() {
    return String.format("%02d-%s", step, pass);
  }
}
