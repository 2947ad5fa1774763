package dev.catena.ir;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * Whether two modules are the same program: equal stages, types, attributes, weights (by type, origin and hash), and
 * operations that are wired alike, down into their regions. Arguments of stages are known by their names; the names of
 * other values are hints and don't count.
 */
public final class StructuralEquality {
  private final IdentityHashMap<Value, Value> pairs = new IdentityHashMap<>();

  private StructuralEquality() {}

  /** Null where the modules are equal, else the first difference. */
  public static String difference(Module a, Module b) {
    if (!a.name().equals(b.name()) || !a.attributes().equals(b.attributes())) {
      return "module @" + a.name() + " and @" + b.name() + " differ in name or attributes";
    }
    if (!List.copyOf(a.weights().keySet()).equals(List.copyOf(b.weights().keySet()))) {
      return "weights: " + a.weights().keySet() + " and " + b.weights().keySet();
    }
    for (Weight w : a.weights().values()) {
      String difference = difference(w.name(), w.data(), b.weights().get(w.name()).data());
      if (difference != null) {
        return difference;
      }
    }
    if (a.stages().size() != b.stages().size()) {
      return a.stages().size() + " and " + b.stages().size() + " stages";
    }
    for (int i = 0; i < a.stages().size(); i++) {
      String difference = difference(a.stages().get(i), b.stages().get(i));
      if (difference != null) {
        return "stage @" + a.stages().get(i).name() + ": " + difference;
      }
    }
    return null;
  }

  private static String difference(String weight, WeightData a, WeightData b) {
    boolean equal = a.type().equals(b.type()) && a.hash().equals(b.hash()) && a.text().equals(b.text());
    return equal ? null : "weight @" + weight + ": " + a.type().text() + " = " + a.text() + " " + a.hash() + " and "
        + b.type().text() + " = " + b.text() + " " + b.hash();
  }

  /** Null where the stages are equal, else the first difference. */
  public static String difference(Stage a, Stage b) {
    return new StructuralEquality().compare(a, b);
  }

  private String compare(Stage a, Stage b) {
    if (!a.name().equals(b.name()) || !a.attributes().equals(b.attributes())) {
      return "name or attributes: " + Printer.attributes(a.attributes()) + " and " + Printer.attributes(b.attributes());
    }
    if (!names(a.arguments()).equals(names(b.arguments()))) {
      return "arguments: " + names(a.arguments()) + " and " + names(b.arguments());
    }
    String difference = compareBlocks(a, b);
    return difference != null || a.outputNames().equals(b.outputNames()) ? difference
        : "outputs: " + a.outputNames() + " and " + b.outputNames();
  }

  private String compareBlocks(Block a, Block b) {
    if (!types(a.arguments()).equals(types(b.arguments()))) {
      return "arguments: " + a.arguments() + " and " + b.arguments();
    }
    pair(a.arguments(), b.arguments());
    if (a.operations().size() != b.operations().size()) {
      return a.operations().size() + " and " + b.operations().size() + " operations";
    }
    for (int i = 0; i < a.operations().size(); i++) {
      if (!alike(a.operations().get(i), b.operations().get(i))) {
        return "operation " + i + ": " + a.operations().get(i) + " and " + b.operations().get(i);
      }
      String difference = compareRegions(a.operations().get(i), b.operations().get(i));
      if (difference != null) {
        return "operation " + i + ", " + difference;
      }
    }
    return wiredAlike(a.outputs(), b.outputs()) ? null : "outputs: " + a.outputs() + " and " + b.outputs();
  }

  private static String compareRegions(Operation a, Operation b) {
    for (int i = 0; i < a.regions().size(); i++) {
      String difference = new StructuralEquality().compareBlocks(a.regions().get(i), b.regions().get(i));
      if (difference != null) {
        return a.definition().regions().get(i) + ": " + difference;
      }
    }
    return null;
  }

  private boolean alike(Operation a, Operation b) {
    boolean equal = a.definition() == b.definition() && a.attributes().equals(b.attributes())
        && types(a.results()).equals(types(b.results())) && wiredAlike(withoutAbsentEnd(a), withoutAbsentEnd(b));
    if (equal) {
      pair(a.results(), b.results());
    }
    return equal;
  }

  /** Absent operands at the end may be written or left out. */
  private static List<Value> withoutAbsentEnd(Operation op) {
    List<Value> operands = new ArrayList<>(op.operands());
    while (!operands.isEmpty() && operands.get(operands.size() - 1) == null) {
      operands.remove(operands.size() - 1);
    }
    return operands;
  }

  private boolean wiredAlike(List<Value> a, List<Value> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      Value x = a.get(i);
      Value y = b.get(i);
      boolean same = x == null || y == null ? x == y
          : x.weight() != null && y.weight() != null ? x.weight().name().equals(y.weight().name()) : pairs.get(x) == y;
      if (!same) {
        return false;
      }
    }
    return true;
  }

  private void pair(List<Value> a, List<Value> b) {
    for (int i = 0; i < a.size(); i++) {
      pairs.put(a.get(i), b.get(i));
    }
  }

  private static List<String> names(List<Value> values) {
    return values.stream().map(Value::name).toList();
  }

  private static List<Type> types(List<Value> values) {
    return values.stream().map(Value::type).toList();
  }
}
