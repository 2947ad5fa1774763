package dev.catena.ir.nn;

import dev.catena.ir.OpDefinition;
import java.util.List;

/** What a language model is made of. */
public final class NnDialect {
  public static final List<OpDefinition> OPERATIONS = List.of();

  private NnDialect() {}
}
