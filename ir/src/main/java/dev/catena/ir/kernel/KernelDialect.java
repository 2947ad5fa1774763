package dev.catena.ir.kernel;

import dev.catena.ir.OpDefinition;
import java.util.List;

/** Launches over planned buffers: what code generators print. */
public final class KernelDialect {
  public static final List<OpDefinition> OPERATIONS = List.of();

  private KernelDialect() {}
}
