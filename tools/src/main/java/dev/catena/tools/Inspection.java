package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.tools.page.ModelPage;
import java.util.Map;

/** Something that {@code inspect} has opened, and what can be printed of it. Each text ends with a line end. */
interface Inspection extends AutoCloseable {
  /** What it is, in a screenful. */
  String summary();

  /**
   * The module's text form.
   *
   * @param pass the pass it stands after ({@code merge} or {@code 04-merge}), or empty for the last
   * @throws UserError with those there are, when there is no such pass
   */
  String ir(String pass);

  /**
   * The module whose text {@link #ir} gives.
   *
   * @throws UserError as {@link #ir}
   */
  Module module(String pass);

  /** The generated source of every target, and of GPUs what its kernels would take. */
  String kernels(PredictionOptions prediction);

  /** The memory plan. */
  String memory();

  /** One line about what was checked. */
  String verified();

  /**
   * Always with {@code stages}, {@code operations} and {@code kernels}.
   *
   * @param pass       adds the module after it, unless null
   * @param prediction adds the generated source and what its kernels would take, unless null
   */
  Map<String, Object> json(String pass, PredictionOptions prediction);

  /** All of it, as a page to look at. */
  ModelPage page();

  @Override
  void close();
}
