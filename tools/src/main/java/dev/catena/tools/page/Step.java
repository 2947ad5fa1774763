package dev.catena.tools.page;

import dev.catena.ir.Module;

/**
 * The module at one point of a pipeline.
 *
 * @param label   {@code 03-raise}, or a file's name where there is one module only
 * @param module  null where it can't be had
 * @param problem why there is no module, else empty
 */
public record Step(String label, Module module, String problem) {
  public static Step of(String label, Module module) {
    return new Step(label, module, "");
  }

  public static Step broken(String label, String problem) {
    return new Step(label, null, problem);
  }

  /** The pass by its name: {@code raise}. */
  public String pass() {
    return label.replaceFirst("^[0-9]+-", "");
  }
}
