package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupFit;
import dev.catena.ir.QuantType;
import dev.catena.ir.TensorType;
import dev.catena.passes.QuantizePass;
import dev.catena.passes.quantization.CodeDescent;
import dev.catena.passes.quantization.Gptq;
import java.io.InputStream;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The steps around GPTQ against a float64 numpy implementation ({@code make_descent_references.py} beside the data). */
class CodeDescentTest {
  private static final double DAMPING = 0.01;

  static Stream<JsonNode> references() throws Exception {
    try (InputStream in = CodeDescentTest.class.getResourceAsStream("descent_references.json")) {
      return StreamSupport.stream(new ObjectMapper().readTree(in).spliterator(), false).toList().stream();
    }
  }

  /** Σ a bᵀ over rows of samples. */
  private static double[] products(JsonNode a, JsonNode minus, JsonNode b) {
    int n = b.get(0).size();
    double[] sum = new double[n * n];
    for (int s = 0; s < b.size(); s++) {
      for (int i = 0; i < n; i++) {
        double left = a.get(s).get(i).doubleValue() - (minus == null ? 0 : minus.get(s).get(i).doubleValue());
        for (int j = 0; j < n; j++) {
          sum[i * n + j] += left * b.get(s).get(j).doubleValue();
        }
      }
    }
    return sum;
  }

  private static float[] row(JsonNode values) {
    float[] row = new float[values.size()];
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) values.get(i).doubleValue();
    }
    return row;
  }

  private static byte[] codes(JsonNode values) {
    byte[] row = new byte[values.size()];
    for (int i = 0; i < row.length; i++) {
      row[i] = (byte) values.get(i).intValue();
    }
    return row;
  }

  private static QuantType type(JsonNode reference, int rows) {
    TensorType dense = new TensorType(ElementType.F32, List.of(Dim.of(rows), Dim.of(reference.get("w").get(0).size())));
    return QuantizePass.type(dense, reference.get("bits").longValue(), reference.get("group").longValue(), false);
  }

  @ParameterizedTest
  @MethodSource("references")
  void codesAndScalesBecomeTheReferences(JsonNode reference) {
    double[] hessian = products(reference.get("x_now"), null, reference.get("x_now"));
    int n = reference.get("w").get(0).size();
    double mean = 0;
    for (int i = 0; i < n; i++) {
      mean += hessian[i * n + i] / n;
    }
    for (int i = 0; i < n; i++) {
      hessian[i * n + i] += DAMPING * mean;
    }
    CodeDescent descent = new CodeDescent(hessian, type(reference, 1));
    for (int r = 0; r < reference.get("w").size(); r++) {
      byte[] codes = codes(reference.get("codes").get(r));
      float[] scales = row(reference.get("scales").get(r));
      descent.improve(row(reference.get("w").get(r)), 0, codes, scales, codes(reference.get("zeros").get(r)), 0);
      for (int i = 0; i < n; i++) {
        assertEquals(reference.get("better_codes").get(r).get(i).intValue(), codes[i], "row " + r + ", column " + i);
      }
      for (int g = 0; g < scales.length; g++) {
        assertEquals(reference.get("better_scales").get(r).get(g).doubleValue(), scales[g], 1e-7, "row " + r + ", group " + g);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("references")
  void aLayerAimsAtWhatTheOriginalOneGives(JsonNode reference) {
    double[] hessian = products(reference.get("x_now"), null, reference.get("x_now"));
    double[] drift = products(reference.get("x"), reference.get("x_now"), reference.get("x_now"));
    int rows = reference.get("w").size();
    int n = reference.get("w").get(0).size();
    float[] weights = new float[rows * n];
    for (int r = 0; r < rows; r++) {
      System.arraycopy(row(reference.get("w").get(r)), 0, weights, r * n, n);
    }
    for (boolean actOrder : new boolean[] {false, true}) {
      float[] target = new Gptq(hessian, type(reference, rows), GroupFit.Scales.RANGE, actOrder, DAMPING).target(weights, rows, drift);
      for (int i = 0; i < target.length; i++) {
        assertEquals(reference.get("target").get(i / n).get(i % n).doubleValue(), target[i], 1e-6, "element " + i);
      }
    }
  }
}
