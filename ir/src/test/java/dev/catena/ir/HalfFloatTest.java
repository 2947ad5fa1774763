package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HalfFloatTest {
  @Test
  void everyPatternSurvivesTheRoundTrip() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float f = HalfFloat.f16ToFloat((short) bits);
      if (Float.isNaN(f)) {
        assertTrue((HalfFloat.floatToF16(f) & 0x7fff) > 0x7c00);
      } else {
        assertEquals((short) bits, HalfFloat.floatToF16(f), () -> "f16 pattern of " + f);
      }
    }
  }

  /** The value by the definition of IEEE 754 binary16. */
  private static double byDefinition(int bits) {
    int exponent = bits >> 10 & 31;
    double magnitude = exponent == 0 ? (bits & 1023) * Math.pow(2, -24)
        : (1024 + (bits & 1023)) * Math.pow(2, exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
  }

  @Test
  void valuesAreThoseOfTheStandard() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      if ((bits >> 10 & 31) != 31) {
        assertEquals(byDefinition(bits), HalfFloat.f16ToFloat((short) bits), 0.0);
      }
    }
  }

  @Test
  void roundsToTheNearestAndTiesToEven() {
    Random random = new Random(1);
    for (int i = 0; i < 200_000; i++) {
      float f = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(40) - 28));
      if (Math.abs(f) >= 65504) {
        continue;
      }
      short bits = HalfFloat.floatToF16(f);
      BigDecimal exact = new BigDecimal(f);
      BigDecimal error = exact.subtract(new BigDecimal(HalfFloat.f16ToFloat(bits))).abs();
      for (int step : new int[] {-1, 1}) {
        int other = (bits & 0x7fff) + step;
        if (other >= 0 && other < 0x7c00) {
          float neighbour = Math.copySign(HalfFloat.f16ToFloat((short) other), f);
          int order = error.compareTo(exact.subtract(new BigDecimal(neighbour)).abs());
          assertTrue(order < 0 || order == 0 && (bits & 1) == 0, f + " became " + HalfFloat.f16ToFloat(bits));
        }
      }
    }
    assertEquals((short) 0x7c00, HalfFloat.floatToF16(65520));
    assertEquals((short) 0x7bff, HalfFloat.floatToF16(Math.nextDown(65520f)));
  }
}
