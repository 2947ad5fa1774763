package dev.catena.tests.conformance;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A graph of one node over random inputs. */
final class SingleNode {
  private final String operation;
  private int opset;
  private final Random random;
  private final List<String> operands = new ArrayList<>();
  private final Map<String, Tensor> inputs = new LinkedHashMap<>();
  private final List<OnnxAttribute> attributes = new ArrayList<>();
  private int outputs = 1;

  private SingleNode(String operation, int opset) {
    this.operation = operation;
    this.opset = opset;
    this.random = new Random(operation.hashCode());
  }

  static SingleNode of(String operation, int opset) {
    return new SingleNode(operation, opset);
  }

  SingleNode given(Tensor t) {
    String name = "x" + operands.size();
    operands.add(name);
    inputs.put(name, t);
    return this;
  }

  SingleNode absent() {
    operands.add("");
    return this;
  }

  /** Normally distributed reals. */
  SingleNode reals(long... shape) {
    return elements(ElementType.F32, shape);
  }

  SingleNode elements(ElementType type, long... shape) {
    Tensor t = new Tensor(type, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, (float) random.nextGaussian());
    }
    return given(t);
  }

  /** Reals between two numbers. */
  SingleNode between(double low, double high, long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, (float) (low + random.nextDouble() * (high - low)));
    }
    return given(t);
  }

  /** Integers from {@code low} up to, and without, {@code high}. */
  SingleNode integers(ElementType type, int low, int high, long... shape) {
    Tensor t = new Tensor(type, shape);
    for (int i = 0; i < t.size(); i++) {
      t.setLong(i, low + random.nextInt(high - low));
    }
    return given(t);
  }

  SingleNode list(long... values) {
    return given(Tensor.i64(values, values.length));
  }

  SingleNode scalar(ElementType type, double value) {
    Tensor t = new Tensor(type);
    t.set(0, value);
    return given(t);
  }

  SingleNode with(String attribute, long value) {
    attributes.add(OnnxAttribute.of(attribute, value));
    return this;
  }

  SingleNode with(String attribute, float value) {
    attributes.add(OnnxAttribute.of(attribute, value));
    return this;
  }

  SingleNode with(String attribute, String value) {
    attributes.add(OnnxAttribute.of(attribute, value));
    return this;
  }

  SingleNode ints(String attribute, long... values) {
    attributes.add(OnnxAttribute.ints(attribute, values));
    return this;
  }

  SingleNode reals(String attribute, float... values) {
    attributes.add(OnnxAttribute.reals(attribute, values));
    return this;
  }

  SingleNode texts(String attribute, String... values) {
    attributes.add(OnnxAttribute.texts(attribute, values));
    return this;
  }

  SingleNode outputs(int count) {
    outputs = count;
    return this;
  }

  String operation() {
    return operation;
  }

  Map<String, Tensor> inputs() {
    return inputs;
  }

  /** A node of the same operation in which something is wrong, or at least unusual. */
  SingleNode mutated(Random by) {
    SingleNode other = new SingleNode(operation, by.nextInt(4) == 0 ? 7 + by.nextInt(21) : opset);
    other.outputs = by.nextInt(8) == 0 ? 1 + by.nextInt(4) : outputs;
    for (String operand : operands) {
      int what = by.nextInt(12);
      if (operand.isEmpty() || what == 0) {
        other.absent();
      } else {
        other.given(what < 4 ? mutated(inputs.get(operand), by) : inputs.get(operand));
      }
    }
    if (by.nextInt(12) == 0) {
      other.list(by.nextInt(5) - 2);
    }
    for (OnnxAttribute a : attributes) {
      int what = by.nextInt(6);
      if (what != 0) {
        other.attributes.add(what < 3 ? new OnnxAttribute(a.name(), mutated(a.value(), by)) : a);
      }
    }
    return other;
  }

  private static final long[] ODD = {0, -1, 1, 2, -2, 3, 7, 64, -9, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 40,
      Long.MAX_VALUE, Long.MIN_VALUE};

  private static Object mutated(Object value, Random by) {
    if (value instanceof Long) {
      return ODD[by.nextInt(ODD.length)];
    } else if (value instanceof Float) {
      return new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY, 1e30f}[by.nextInt(5)];
    } else if (value instanceof long[] list) {
      long[] other = Arrays.copyOf(list, Math.max(0, list.length + by.nextInt(3) - 1));
      if (other.length > 0) {
        other[by.nextInt(other.length)] = ODD[by.nextInt(ODD.length)];
      }
      return other;
    } else if (value instanceof String text) {
      return by.nextBoolean() || text.isEmpty() ? text + "x" : text.substring(by.nextInt(text.length()));
    }
    return value;
  }

  /** Of another type, shape, or with odd elements. */
  private static Tensor mutated(Tensor t, Random by) {
    switch (by.nextInt(3)) {
      case 0 -> {
        ElementType[] types = {ElementType.F32, ElementType.I64, ElementType.I32, ElementType.BOOL, ElementType.U8, ElementType.F64};
        return t.cast(types[by.nextInt(types.length)]);
      }
      case 1 -> {
        long[] shape = Arrays.copyOf(t.shape(), Math.max(0, t.rank() + by.nextInt(3) - 1));
        for (int i = 0; i < shape.length; i++) {
          shape[i] = i < t.rank() && by.nextInt(3) != 0 ? shape[i] : by.nextInt(4);
        }
        return new Tensor(t.element(), shape);
      }
      default -> {
        Tensor other = new Tensor(t.element(), t.shape());
        for (int i = 0; i < t.size(); i++) {
          other.copy(i, t, i);
          if (by.nextInt(3) == 0) {
            other.setLong(i, ODD[by.nextInt(ODD.length)]);
          }
        }
        return other;
      }
    }
  }

  /** @param named whether the sizes of inputs are names, as in files with dynamic axes */
  Path write(Path file, boolean named) {
    return write(file, named, false);
  }

  /** @param constant whether inputs of integers are initializers */
  Path write(Path file, boolean named, boolean constant) {
    OnnxGraphWriter graph = new OnnxGraphWriter(opset);
    inputs.forEach((name, t) -> {
      if (constant && t.element() == ElementType.I64) {
        graph.initializer(name, OnnxContent.longs(t.longs(), t.shape()));
        return;
      }
      Object[] dims = new Object[t.rank()];
      for (int i = 0; i < dims.length; i++) {
        dims[i] = named ? (Object) (name + "_" + i) : (Object) t.dim(i);
      }
      graph.input(name, OnnxElement.valueOf(t.element().name()), dims);
    });
    List<String> results = new ArrayList<>();
    for (int i = 0; i < outputs; i++) {
      results.add("y" + i);
      graph.output("y" + i);
    }
    graph.node(operation, "node", operands, results, attributes.toArray(OnnxAttribute[]::new));
    graph.write(file);
    return file;
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder(operation).append(' ').append(opset);
    inputs.values().forEach(t -> s.append(' ').append(t.type().text()));
    attributes.forEach(a -> s.append(' ').append(a.name()).append('=').append(a.value() instanceof long[] l
        ? Arrays.toString(l) : a.value()));
    return s.toString();
  }
}
