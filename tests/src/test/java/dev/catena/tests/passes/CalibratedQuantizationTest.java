package dev.catena.tests.passes;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupFit;
import dev.catena.ir.QuantType;
import dev.catena.ir.TensorType;
import dev.catena.passes.QuantizePass;
import dev.catena.passes.quantization.Awq;
import dev.catena.passes.quantization.Gptq;
import java.io.InputStream;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * GPTQ and AWQ against float64 numpy implementations of their papers ({@code make_quantization_references.py} beside the data):
 * the same codes, scales and zeros; the same input scales, and with the groups' search no larger loss.
 */
class CalibratedQuantizationTest {
  static Stream<JsonNode> references() throws Exception {
    try (InputStream in = CalibratedQuantizationTest.class.getResourceAsStream("quantization_references.json")) {
      return StreamSupport.stream(new ObjectMapper().readTree(in).spliterator(), false).toList().stream();
    }
  }

  private static double[][] matrix(JsonNode rows) {
    double[][] m = new double[rows.size()][];
    for (int r = 0; r < m.length; r++) {
      JsonNode row = rows.get(r);
      m[r] = IntStream.range(0, row.size()).mapToDouble(c -> row.get(c).doubleValue()).toArray();
    }
    return m;
  }

  private static double[] hessian(double[][] x) {
    int k = x[0].length;
    double[] h = new double[k * k];
    for (double[] row : x) {
      for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++) {
          h[i * k + j] += row[i] * row[j];
        }
      }
    }
    return h;
  }

  private static float[] flat(double[][] m) {
    float[] out = new float[m.length * m[0].length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) m[i / m[0].length][i % m[0].length];
    }
    return out;
  }

  private static QuantType type(JsonNode reference, int rows, int columns) {
    TensorType dense = new TensorType(ElementType.F32, List.of(Dim.of(rows), Dim.of(columns)));
    return QuantizePass.type(dense, reference.get("bits").longValue(), reference.get("group").longValue(),
        reference.get("symmetric").booleanValue());
  }

  @ParameterizedTest
  @MethodSource("references")
  void gptqChoosesThePapersCodes(JsonNode reference) {
    double[][] x = matrix(reference.get("x"));
    double[][] w = matrix(reference.get("w"));
    int rows = w.length;
    int columns = w[0].length;
    QuantType type = type(reference, rows, columns);
    int groups = (int) type.groups();
    byte[] codes = new byte[rows * columns];
    float[] scales = new float[rows * groups];
    byte[] zeros = new byte[rows * groups];
    new Gptq(hessian(x), type, GroupFit.Scales.RANGE, reference.get("act_order").booleanValue(),
        reference.get("damping").doubleValue())
        .readCodes(flat(w), rows, codes, scales, zeros);
    double[][] expectedCodes = matrix(reference.get("codes"));
    double[][] expectedScales = matrix(reference.get("scales"));
    double[][] expectedZeros = matrix(reference.get("zeros"));
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < groups; g++) {
        int at = r * groups + g;
        String where = "row " + r + ", group " + g;
        double scale = expectedScales[r][g];
        int zero = (int) expectedZeros[r][g];
        assertAll(() -> assertEquals(scale, scales[at], Math.abs(scale) * 1e-6, where),
            () -> assertEquals(zero, zeros[at] & 0xff, where));
      }
      for (int c = 0; c < columns; c++) {
        assertEquals((int) expectedCodes[r][c], codes[r * columns + c] & 0xff, "row " + r + ", column " + c);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("references")
  void awqChoosesThePapersScalesAndLosesNoMore(JsonNode reference) {
    double[][] x = matrix(reference.get("x"));
    double[][] w = matrix(reference.get("w"));
    int rows = w.length;
    int columns = w[0].length;
    QuantType type = type(reference, rows, columns);
    double[] magnitude = new double[columns];
    for (double[] row : x) {
      for (int c = 0; c < columns; c++) {
        magnitude[c] += Math.abs(row[c]) / x.length;
      }
    }
    Awq awq = new Awq(hessian(x), type);
    float[] s = awq.scales(flat(w), rows, magnitude, IntStream.range(0, columns).toArray());
    for (int c = 0; c < columns; c++) {
      assertEquals(reference.get("awq_scales").get(c).doubleValue(), s[c], 1e-5 * s[c], "channel " + c);
    }

    float[] scaled = flat(w);
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= s[i % columns];
    }
    int groups = (int) type.groups();
    byte[] codes = new byte[rows * columns];
    float[] scales = new float[rows * groups];
    byte[] zeros = new byte[rows * groups];
    awq.readCodes(scaled, rows, s, codes, scales, zeros);
    double loss = 0;
    for (double[] sample : x) {
      for (int r = 0; r < rows; r++) {
        double error = 0;
        for (int c = 0; c < columns; c++) {
          int g = r * groups + c / (int) type.group();
          error += sample[c] * (((codes[r * columns + c] & 255) - (zeros[g] & 255)) * (double) scales[g] / s[c] - w[r][c]);
        }
        loss += error * error;
      }
    }
    // The groups are searched one by one, the paper's loss is of whole rows.
    double paper = reference.get("awq_loss").doubleValue();
    double found = loss;
    assertTrue(found < 1.02 * paper, "loses " + found + ", plain ranges lose " + paper);
  }
}
