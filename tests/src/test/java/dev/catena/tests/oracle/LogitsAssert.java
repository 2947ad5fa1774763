package dev.catena.tests.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares logits with a judge's, relative to the judge's largest. */
public final class LogitsAssert {
  private LogitsAssert() {}

  /** The largest magnitude among rows of logits. */
  public static double largest(float[][] rows) {
    double largest = 0;
    for (float[] row : rows) {
      for (float v : row) {
        largest = Math.max(largest, Math.abs(v));
      }
    }
    return largest;
  }

  /** The largest difference, as a share of the largest magnitude expected. */
  public static double error(float[][] expected, float[][] actual) {
    double worst = 0;
    assertEquals(expected.length, actual.length, "rows of logits");
    for (int r = 0; r < expected.length; r++) {
      assertEquals(expected[r].length, actual[r].length, "logits in row " + r);
      for (int i = 0; i < expected[r].length; i++) {
        // written so that NaN counts as infinitely wrong
        double difference = Math.abs((double) expected[r][i] - actual[r][i]);
        worst = difference <= worst ? worst : Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
      }
    }
    return worst / largest(expected);
  }

  public static void assertClose(float[][] expected, float[][] actual, double tolerance, String what) {
    double error = error(expected, actual);
    assertTrue(error <= tolerance, () -> what + ": logits differ by " + error + " of the largest, allowed is " + tolerance);
  }
}
