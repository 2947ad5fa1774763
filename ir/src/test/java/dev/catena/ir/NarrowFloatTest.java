package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.NarrowFloat.RoundMode;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class NarrowFloatTest {
  private static final List<ElementType> SIGNED = List.of(ElementType.F8E4M3FN, ElementType.F8E4M3FNUZ,
      ElementType.F8E5M2, ElementType.F8E5M2FNUZ, ElementType.F4E2M1);

  /** Smallest, smallest normal and largest numbers as the ONNX standard's page on float 8 and the OCP's lists them. */
  @ParameterizedTest
  @CsvSource({
      "F8E4M3FN, 0x01, 0x1p-9", "F8E4M3FN, 0x08, 0x1p-6", "F8E4M3FN, 0x7e, 448", "F8E4M3FN, 0x7f, NaN",
      "F8E4M3FNUZ, 0x01, 0x1p-10", "F8E4M3FNUZ, 0x7f, 240", "F8E4M3FNUZ, 0x80, NaN",
      "F8E5M2, 0x01, 0x1p-16", "F8E5M2, 0x7b, 57344", "F8E5M2, 0x7c, Infinity", "F8E5M2, 0xfc, -Infinity", "F8E5M2, 0x7d, NaN",
      "F8E5M2FNUZ, 0x01, 0x1p-17", "F8E5M2FNUZ, 0x7f, 57344", "F8E5M2FNUZ, 0x80, NaN",
      "F4E2M1, 1, 0.5", "F4E2M1, 2, 1", "F4E2M1, 3, 1.5", "F4E2M1, 7, 6", "F4E2M1, 15, -6",
      "F8E8M0, 0, 0x1p-127", "F8E8M0, 0x7f, 1", "F8E8M0, 0xfe, 0x1p127", "F8E8M0, 0xff, NaN"})
  void patternsMeanWhatTheStandardSays(ElementType type, String bits, String value) {
    float expected = value.startsWith("0x") ? Float.parseFloat(value) : Float.valueOf(value);
    assertEquals(expected, NarrowFloat.decode(Integer.decode(bits), type));
  }

  @ParameterizedTest
  @EnumSource(names = {"F8E4M3FN", "F8E4M3FNUZ", "F8E5M2", "F8E5M2FNUZ", "F8E8M0", "F4E2M1"})
  void everyPatternSurvivesTheRoundTrip(ElementType type) {
    for (int bits = 0; bits < 1 << type.bits(); bits++) {
      float value = NarrowFloat.decode(bits, type);
      assertEquals(value, NarrowFloat.round(value, type, false, RoundMode.UP));
      if (Float.isFinite(value)) {
        assertEquals(bits, NarrowFloat.encode(value, type));
      }
    }
  }

  @Test
  void roundsToTheNearestAndHalvesToTheEvenPattern() {
    Random random = new Random(1);
    for (ElementType type : SIGNED) {
      for (int i = 0; i < 2000; i++) {
        double x = Math.scalb(random.nextGaussian(), random.nextInt(16) - 10);
        float nearest = nearest(x, type);
        assertEquals(nearest, NarrowFloat.round(x, type), () -> x + " as " + type);
        float next = NarrowFloat.decode((NarrowFloat.encode(nearest, type) + 1) % (1 << type.bits()), type);
        double half = (nearest + (double) next) / 2;
        if (Float.isFinite(next) && Math.signum(next) == Math.signum(nearest)) {
          int pattern = NarrowFloat.encode(NarrowFloat.round(half, type), type);
          assertTrue(pattern % 2 == 0, () -> half + " as " + type + " is pattern " + pattern);
        }
      }
    }
  }

  /** By trying all patterns; of two that are equally near the even one. */
  private static float nearest(double x, ElementType type) {
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int bits = 0; bits < 1 << type.bits(); bits++) {
      float candidate = NarrowFloat.decode(bits, type);
      double away = Math.abs(candidate - x);
      boolean sameSign = Math.copySign(1, candidate) == Math.copySign(1, x) || type.keyword().endsWith("uz") && bits == 0;
      if (sameSign && (away < least || away == least && bits % 2 == 0)) {
        least = away;
        best = bits;
      }
    }
    return NarrowFloat.decode(best, type);
  }

  /** The two tables of ONNX's Cast. */
  @ParameterizedTest
  @CsvSource({
      "F8E4M3FN, Infinity, 448, NaN", "F8E4M3FNUZ, Infinity, 240, NaN", "F8E5M2, Infinity, 57344, Infinity",
      "F8E5M2FNUZ, Infinity, 57344, NaN", "F8E4M3FN, 465, 448, NaN", "F8E4M3FN, 464, 448, 448", "F8E5M2, 61440, 57344, Infinity",
      "F8E5M2, -1e6, -57344, -Infinity", "F8E4M3FNUZ, -1e6, -240, NaN", "F8E4M3FN, -0.0, -0.0, -0.0",
      "F8E4M3FNUZ, -0.0, 0.0, 0.0", "F8E4M3FN, NaN, NaN, NaN", "F8E8M0, 0, 0x1p-127, NaN", "F8E8M0, NaN, NaN, NaN",
      "F8E8M0, Infinity, 0x1p127, NaN", "F8E8M0, 1e39, 0x1p127, NaN"})
  void whatIsTooLargeIsHeldOrGivenUp(ElementType type, String value, String saturated, String not) {
    double x = Double.parseDouble(value);
    assertEquals(Float.parseFloat(saturated), NarrowFloat.round(x, type, true, RoundMode.UP));
    assertEquals(Float.parseFloat(not), NarrowFloat.round(x, type, false, RoundMode.UP));
  }

  @ParameterizedTest
  @CsvSource({"1.1, 2, 1, 1", "1.5, 2, 1, 2", "3.1, 4, 2, 4", "2, 2, 2, 2", "0.3, 0.5, 0.25, 0.25"})
  void powersOfTwoRoundAsAsked(double value, float up, float down, float nearest) {
    assertEquals(up, NarrowFloat.round(value, ElementType.F8E8M0, true, RoundMode.UP));
    assertEquals(down, NarrowFloat.round(value, ElementType.F8E8M0, true, RoundMode.DOWN));
    assertEquals(nearest, NarrowFloat.round(value, ElementType.F8E8M0, true, RoundMode.NEAREST));
  }

  @Test
  void f16AndBf16AgreeWithTheirTables() {
    Random random = new Random(2);
    for (int i = 0; i < 100_000; i++) {
      float x = Float.intBitsToFloat(random.nextInt());
      assertEquals(HalfFloat.round(x, ElementType.F16), NarrowFloat.round(x, ElementType.F16));
      assertEquals(HalfFloat.round(x, ElementType.BF16), NarrowFloat.round(x, ElementType.BF16));
    }
    // Rounding by way of f32 would make a tie of this, and take the even neighbour.
    assertEquals(0x1.004p0f, NarrowFloat.round(1 + 0x1p-11 + 0x1p-40, ElementType.F16));
  }
}
