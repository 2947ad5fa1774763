package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.Operation;
import dev.catena.ir.TensorType;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Symbols for dimensions that depend on data, so that they can't be computed from the operands' shapes. */
final class OpaqueDims {
  private OpaqueDims() {}

  /**
   * The symbol of dimension {@code axis} of a result. It is named after the operation and its operands, which within a
   * stage have different names unless they are equal; what was named once keeps its name when types are inferred again.
   */
  static Dim of(Operation op, int result, int axis) {
    String kind = op.definition().name();
    String prefix = kind.substring(kind.indexOf('.') + 1).toLowerCase(Locale.ROOT) + "_";
    Type before = result < op.results().size() ? op.result(result).type() : null;
    if (before instanceof TensorType t && axis < t.rank() && t.dim(axis).toString().matches("\\?" + prefix + "\\w+")) {
      return t.dim(axis);
    }
    StringBuilder name = new StringBuilder(prefix);
    for (Value v : op.operands()) {
      if (v != null) {
        name.append(v.name().replaceAll("[^A-Za-z0-9_]", "_")).append('_');
      }
    }
    return Dim.symbol(name.append(result == 0 ? "" : result + "_").append(axis).toString());
  }

  /** A shape of {@code rank} of which nothing is known; a negative rank is an error of {@code op}. */
  static List<Dim> shape(Operation op, int result, int rank) {
    if (rank < 0) {
      throw op.broken("names more axes than there are");
    }
    List<Dim> dims = new ArrayList<>(rank);
    for (int i = 0; i < rank; i++) {
      dims.add(of(op, result, i));
    }
    return dims;
  }
}
