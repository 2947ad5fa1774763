package dev.catena.ir.nn;

import dev.catena.ir.OpDefinition;
import java.util.ArrayList;
import java.util.List;

/** What a language model is made of. Leading dimensions are free: {@code [batch, seq, width]} or {@code [tokens, width]}. */
public final class NnDialect {
  public static final List<OpDefinition> OPERATIONS;

  static {
    List<OpDefinition> all = new ArrayList<>();
    all.addAll(LayerOps.OPERATIONS);
    all.addAll(NormOps.OPERATIONS);
    all.addAll(ActivationOps.OPERATIONS);
    all.addAll(AttentionOps.OPERATIONS);
    all.addAll(RowOps.OPERATIONS);
    OPERATIONS = List.copyOf(all);
  }

  private NnDialect() {}

  /** A declaration of this dialect. */
  public static OpDefinition get(String name) {
    return OPERATIONS.stream().filter(d -> d.name().equals(name)).findFirst()
        .orElseThrow(() -> new IllegalArgumentException(name));
  }
}
