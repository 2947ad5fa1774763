package dev.catena.tests.conformance;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A graph of one node over random inputs. */
final class SingleNode {
  private final String operation;
  private final int opset;
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

  SingleNode outputs(int count) {
    outputs = count;
    return this;
  }

  Map<String, Tensor> inputs() {
    return inputs;
  }

  /** @param named whether the sizes of inputs are names, as in files with dynamic axes */
  Path write(Path file, boolean named) {
    OnnxGraphWriter graph = new OnnxGraphWriter(opset);
    inputs.forEach((name, t) -> {
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
        ? java.util.Arrays.toString(l) : a.value()));
    return s.toString();
  }
}
