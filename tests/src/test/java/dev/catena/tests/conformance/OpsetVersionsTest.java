package dev.catena.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Tensor;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One small network as exporters of each opset and IR version wrote it, against ONNX Runtime. */
class OpsetVersionsTest {
  /** The newest that the judge is sure of; nothing here changed since. */
  private static final int JUDGED = 21;
  private static final int JUDGED_IR = 10;

  @TempDir Path folder;

  /** A network in the making, for one opset. */
  private static final class Network {
    private final int opset;
    private final OnnxGraphWriter g;
    private final Random random = new Random(9);
    private int next;

    Network(int opset, int saidOpset, int irVersion) {
      this.opset = opset;
      g = new OnnxGraphWriter(saidOpset, irVersion);
    }

    private String reals(double mean, double deviation, long... shape) {
      float[] values = new float[Tensor.count(shape)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Math.abs(mean + deviation * random.nextGaussian());
      }
      String name = "w" + next++;
      g.initializer(name, OnnxContent.reals(OnnxElement.F32, values, shape));
      return name;
    }

    private String longs(long... values) {
      String name = "i" + next++;
      g.initializer(name, OnnxContent.longs(values, values.length));
      return name;
    }

    private String real(double value) {
      String name = "r" + next++;
      g.initializer(name, OnnxContent.reals(OnnxElement.F32, new float[] {(float) value}));
      return name;
    }

    private String op(String type, List<String> operands, OnnxAttribute... attributes) {
      String result = "v" + next++;
      g.node(type, result, operands, List.of(result), attributes);
      return result;
    }

    /** What was an attribute before an opset is an operand from it on. */
    private String axes(String type, int since, String x, String attribute, long[] values, OnnxAttribute... others) {
      List<OnnxAttribute> all = new ArrayList<>(Arrays.asList(others));
      if (opset >= since) {
        return op(type, List.of(x, longs(values)), all.toArray(OnnxAttribute[]::new));
      }
      all.add(OnnxAttribute.ints(attribute, values));
      return op(type, List.of(x), all.toArray(OnnxAttribute[]::new));
    }

    void build() {
      g.input("x", OnnxElement.F32, "n", 4, 4, 4);
      String x = op("BatchNormalization", List.of("x", reals(1, 0.2, 4), reals(0, 1, 4), reals(0, 1, 4), reals(1, 0.3, 4)),
          OnnxAttribute.of("epsilon", 1e-3f), OnnxAttribute.of("momentum", 0.8f));
      x = upsampled(x);
      x = opset < 11 ? op("Pad", List.of(x), OnnxAttribute.ints("pads", 0, 0, 1, 0, 0, 0, 0, 1), OnnxAttribute.of("value", 0.5f))
          : op("Pad", List.of(x, longs(0, 0, 1, 0, 0, 0, 0, 1), real(0.5)));
      x = opset < 10 ? op("Slice", List.of(x), OnnxAttribute.ints("starts", 0, 1), OnnxAttribute.ints("ends", Long.MAX_VALUE, -1),
          OnnxAttribute.ints("axes", 2, 3)) : op("Slice", List.of(x, longs(0, 1), longs(Long.MAX_VALUE, -1), longs(2, 3)));
      x = opset < 11 ? op("Clip", List.of(x), OnnxAttribute.of("min", -0.5f), OnnxAttribute.of("max", 1.5f))
          : op("Clip", List.of(x, real(-0.5), real(1.5)));
      x = dropout(x);
      x = axes("ReduceMean", 18, x, "axes", new long[] {3}, OnnxAttribute.of("keepdims", 0));
      x = op("Softmax", List.of(x)); // of all but the first axis up to opset 12, of the last from 13 on
      x = axes("Unsqueeze", 13, x, "axes", new long[] {1});
      x = axes("ReduceSum", 13, x, "axes", new long[] {2}, OnnxAttribute.of("keepdims", 1));
      x = axes("Squeeze", 13, x, "axes", new long[] {1, 2});
      String[] halves = {"h" + next++, "h" + next++};
      g.node("Split", "split", opset < 13 ? List.of(x) : List.of(x, longs(4, 5)), List.of(halves),
          opset < 13 ? new OnnxAttribute[] {OnnxAttribute.of("axis", 1), OnnxAttribute.ints("split", 4, 5)}
              : new OnnxAttribute[] {OnnxAttribute.of("axis", 1)});
      String joined = op("Concat", List.of(halves[1], halves[0]), OnnxAttribute.of("axis", 1));
      String[] top = {"t" + next++, "t" + next++};
      g.node("TopK", "top", opset < 10 ? List.of(joined) : List.of(joined, longs(6)), List.of(top),
          opset < 10 ? new OnnxAttribute[] {OnnxAttribute.of("k", 6), OnnxAttribute.of("axis", 1)}
              : new OnnxAttribute[] {OnnxAttribute.of("axis", 1)});
      String y = op("Gemm", List.of(top[0], reals(0, 1, 5, 6), reals(0, 1, 5)), OnnxAttribute.of("transB", 1));
      g.node("LogSoftmax", "last", List.of(y), List.of("y"), OnnxAttribute.of("axis", 1));
      g.output("y", OnnxElement.F32, "n", 5);
    }

    /** Rows and columns doubled. */
    private String upsampled(String x) {
      if (opset < 9) {
        return op("Upsample", List.of(x), OnnxAttribute.of("mode", "nearest"), OnnxAttribute.reals("scales", 1, 1, 2, 2));
      }
      String scales = "s" + next++;
      g.initializer(scales, OnnxContent.reals(OnnxElement.F32, new float[] {1, 1, 2, 2}, 4));
      if (opset < 11) {
        return op(opset == 9 ? "Upsample" : "Resize", List.of(x, scales), OnnxAttribute.of("mode", "nearest"));
      }
      String none = "";
      if (opset < 13) {
        none = "roi" + next++;
        g.initializer(none, OnnxContent.reals(OnnxElement.F32, new float[0], 0));
      }
      return op("Resize", List.of(x, none, scales), OnnxAttribute.of("mode", "nearest"),
          OnnxAttribute.of("coordinate_transformation_mode", "asymmetric"), OnnxAttribute.of("nearest_mode", "floor"));
    }

    private String dropout(String x) {
      String kept = "d" + next++;
      g.node("Dropout", kept, opset < 12 ? List.of(x) : List.of(x, real(0.3)), List.of(kept, kept + "_mask"),
          opset < 12 ? new OnnxAttribute[] {OnnxAttribute.of("ratio", 0.3f)} : new OnnxAttribute[0]);
      return kept;
    }
  }

  @ParameterizedTest(name = "opset {0}, IR {1}")
  @CsvSource({"7, 3", "8, 3", "9, 4", "10, 5", "11, 6", "12, 7", "13, 7", "14, 7", "15, 8", "16, 8", "17, 8", "18, 8", "19, 9", "20, 9",
      "21, 10", "22, 10", "23, 11", "24, 11", "25, 12", "26, 13", "27, 13"})
  void eachOpsetsFormIsKnown(int opset, int irVersion) {
    Path judged = folder.resolve("judged.onnx");
    write(judged, opset, Math.min(opset, JUDGED), Math.min(irVersion, JUDGED_IR));
    Tensor x = input();
    float[] expected = OnnxRuntimeGraph.run(judged, Map.of("x", x)).get("y");
    Path file = folder.resolve("model.onnx");
    write(file, opset, opset, irVersion);
    try (ImportedModel model = OnnxImporter.importStage(file)) {
      assertEquals(List.of(), model.warnings());
      Tensor y = (Tensor) new Evaluator().run(model.module().stages().get(0), List.of(x)).get(0);
      assertEquals(expected.length, y.size());
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], y.get(i), 1e-5, "element " + i);
      }
    }
  }

  private static void write(Path file, int opset, int saidOpset, int irVersion) {
    Network network = new Network(opset, saidOpset, irVersion);
    network.build();
    network.g.write(file);
  }

  private static Tensor input() {
    Tensor x = new Tensor(ElementType.F32, 2, 4, 4, 4);
    Random random = new Random(4);
    for (int i = 0; i < x.size(); i++) {
      x.set(i, random.nextGaussian());
    }
    return x;
  }

  @ParameterizedTest
  @CsvSource({"28, 13, opset 28 is newer than 27", "27, 14, IR version 14 is newer than 13"})
  void whatIsNewerIsTakenWithAWarning(int opset, int irVersion, String warning) {
    Path file = folder.resolve("model.onnx");
    write(file, opset, opset, irVersion);
    try (ImportedModel model = OnnxImporter.importStage(file)) {
      assertEquals(1, model.warnings().size(), model.warnings().toString());
      assertTrue(model.warnings().get(0).contains(warning), model.warnings().toString());
    }
  }

  @ParameterizedTest
  @CsvSource({"6, 3, opset 6 isn't supported", "7, 2, IR version 2 isn't supported"})
  void whatIsOlderIsRefused(int opset, int irVersion, String reason) {
    Path file = folder.resolve("model.onnx");
    write(file, opset, opset, irVersion);
    String message = assertThrows(OnnxException.class, () -> OnnxImporter.importStage(file)).getMessage();
    assertTrue(message.startsWith("model.onnx: " + reason), message);
  }

  @Test
  void anUnknownOperationIsNamed() {
    OnnxGraphWriter g = new OnnxGraphWriter(17);
    g.input("x", OnnxElement.F32, "n", 4);
    g.node("Frobnicate", "middle", List.of("x"), List.of("y"));
    g.output("y", OnnxElement.F32, "n", 4);
    Path file = folder.resolve("model.onnx");
    g.write(file);
    String message = assertThrows(OnnxException.class, () -> OnnxImporter.importStage(file)).getMessage();
    assertTrue(message.contains("node 'middle'") && message.contains("Frobnicate"), message);
  }
}
