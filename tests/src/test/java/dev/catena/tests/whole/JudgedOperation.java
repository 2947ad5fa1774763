package dev.catena.tests.whole;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;

/** Builds a graph of one operation, and compares what Catena makes of it with ONNX Runtime. */
abstract class JudgedOperation {
  static final OnnxElement F32 = OnnxElement.F32;

  @TempDir Path folder;
  final Random random = new Random(11);
  final OnnxGraphWriter graph = new OnnxGraphWriter(17);
  final Map<String, Tensor> given = new LinkedHashMap<>();

  final void reals(String name, long... shape) {
    realsOf(name, dims(name, shape), shape);
  }

  final void realsOf(String name, Object[] dims, long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, (float) random.nextGaussian());
    }
    given.put(name, t);
    graph.input(name, F32, dims);
  }

  /** All sizes but the last are names, as in files with dynamic axes. */
  private static Object[] dims(String name, long[] shape) {
    Object[] dims = new Object[shape.length];
    for (int i = 0; i < dims.length; i++) {
      boolean heads = shape.length == 4 && i == 1;
      dims[i] = i == dims.length - 1 || heads ? (Object) shape[i] : name + "_" + i;
    }
    return dims;
  }

  final float[] constant(String name, double spread, long... shape) {
    int n = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * spread);
    }
    graph.initializer(name, OnnxContent.reals(F32, values, shape));
    return values;
  }

  final void bytes(String name, int below, long... shape) {
    byte[] values = new byte[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (byte) random.nextInt(below);
    }
    graph.initializer(name, OnnxContent.bytes(values, shape));
  }

  /** Angles, so that cosines and sines belong together. */
  final void tables(int positions, int half) {
    float[] cos = new float[positions * half];
    float[] sin = new float[positions * half];
    for (int i = 0; i < cos.length; i++) {
      double angle = i / half * Math.pow(100, -(i % half) / (double) half);
      cos[i] = (float) Math.cos(angle);
      sin[i] = (float) Math.sin(angle);
    }
    graph.initializer("cos", OnnxContent.reals(F32, cos, positions, half));
    graph.initializer("sin", OnnxContent.reals(F32, sin, positions, half));
  }

  final void agree(double tolerance) {
    agree(graph, tolerance);
  }

  /** With a graph of the same meaning that the judge knows. */
  final void agree(OnnxGraphWriter judged, double tolerance) {
    Path file = folder.resolve("contrib.onnx");
    judged.write(file);
    Map<String, float[]> expected = OnnxRuntimeGraph.run(file, given);
    graph.write(file);
    try (ImportedModel imported = OnnxImporter.importStage(file)) {
      Stage stage = imported.module().stages().get(0);
      List<EvalValue> arguments = new ArrayList<>(given.values());
      List<EvalValue> actual = new Evaluator().run(stage, arguments);
      assertEquals(expected.size(), actual.size());
      int at = 0;
      for (Map.Entry<String, float[]> e : expected.entrySet()) {
        Tensor t = (Tensor) actual.get(at++);
        assertEquals(e.getValue().length, t.size(), e.getKey());
        for (int i = 0; i < t.size(); i++) {
          assertEquals(e.getValue()[i], t.get(i), tolerance, e.getKey() + " " + i);
        }
      }
    }
  }

  final void padding(String name, int total) {
    long[] seen = new long[total];
    Arrays.fill(seen, 1);
    seen[0] = 0;
    given.put(name, Tensor.ofLongs(ElementType.I32, seen, 1, total));
    graph.input(name, OnnxElement.I32, "b", "total");
  }
}
