package dev.catena.ir;

import dev.catena.ir.kernel.KernelDialect;
import dev.catena.ir.nn.NnDialect;
import dev.catena.ir.onnx.OnnxDialect;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** All declared operations, by full name. */
public final class Dialects {
  private static final Map<String, OpDefinition> BY_NAME = new TreeMap<>();

  static {
    for (List<OpDefinition> dialect : List.of(OnnxDialect.OPERATIONS, NnDialect.OPERATIONS, KernelDialect.OPERATIONS)) {
      for (OpDefinition d : dialect) {
        if (BY_NAME.put(d.name(), d) != null) {
          throw new IllegalStateException(d.name() + " is declared twice");
        }
      }
    }
  }

  private Dialects() {}

  /** The declaration, or null. */
  public static OpDefinition find(String fullName) {
    return BY_NAME.get(fullName);
  }

  /** The declaration; an unknown name is an error. */
  public static OpDefinition get(String fullName) {
    OpDefinition d = BY_NAME.get(fullName);
    if (d == null) {
      throw new IrException("there is no operation " + fullName);
    }
    return d;
  }

  public static Collection<OpDefinition> all() {
    return Collections.unmodifiableCollection(BY_NAME.values());
  }
}
