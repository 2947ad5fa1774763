package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizedWeightTest {
  @ParameterizedTest
  @CsvSource({"U4,128,true", "U4,128,false", "U8,32,true", "U8,172,false", "U4,8,false"})
  void everyWeightIsWithinHalfAStepOfItsCode(ElementType code, int group, boolean symmetric) {
    int rows = 5;
    int columns = 172; // no multiple of 128 or 32
    Random random = new Random(7);
    float[] w = new float[rows * columns];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian() + (i / columns == 2 ? 5 : 0); // one row far from zero
    }
    QuantType type = new QuantType(code, group, ElementType.F16, symmetric ? null : code, Dim.list(rows, columns));
    QuantizedWeight q = new QuantizedWeight(new LiteralWeight(Tensor.f32(w, rows, columns)), type, GroupFit.Scales.RANGE);
    float[] back = q.tensor().floats();
    int groups = (int) type.groups();
    byte[] codes = new byte[w.length];
    float[] scales = new float[rows * groups];
    q.readCodes(0, rows, codes, scales, new byte[rows * groups]);
    for (int i = 0; i < w.length; i++) {
      float scale = Math.abs(scales[i / columns * groups + i % columns / group]);
      int limit = (1 << code.bits()) - 1;
      int c = codes[i] & 0xff;
      // A code at the end of its range may have been clamped: the symmetric range lacks one step on one side, and
      // rounding the scale to f16 or the zero point to a whole number moves the ends by less than a step.
      double allowed = c == 0 || c == limit ? 1.01 : 0.501;
      assertEquals(w[i], back[i], allowed * scale, "element " + i);
      assertTrue(c <= limit);
    }
  }

  /** Artifacts are written some rows at a time, the evaluator reads all: they must see the same matrix. */
  @ParameterizedTest
  @CsvSource({"U4,32,true", "U4,32,false", "U2,32,true", "U3,172,true", "U4,128,false"})
  void aRowIsTheSameWhateverIsReadWithIt(ElementType code, int group, boolean symmetric) {
    int rows = 90;
    int columns = 172;
    Random random = new Random(8);
    float[] w = new float[rows * columns];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) (random.nextGaussian() * (i / columns % 7 == 0 ? Math.exp(random.nextGaussian()) : 1));
    }
    QuantType type = new QuantType(code, group, ElementType.F16, symmetric ? null : code, Dim.list(rows, columns));
    QuantizedWeight q = new QuantizedWeight(new LiteralWeight(Tensor.f32(w, rows, columns)), type, GroupFit.Scales.SEARCH);
    int groups = (int) type.groups();
    byte[] all = new byte[w.length];
    float[] allScales = new float[rows * groups];
    q.readCodes(0, rows, all, allScales, new byte[rows * groups]);
    byte[] own = new byte[columns];
    float[] ownScales = new float[groups];
    for (int r = 0; r < rows; r++) {
      q.readCodes(r, 1, own, ownScales, new byte[groups]);
      assertArrayEquals(Arrays.copyOfRange(allScales, r * groups, (r + 1) * groups), ownScales, "scales of row " + r);
      assertArrayEquals(Arrays.copyOfRange(all, r * columns, (r + 1) * columns), own, "codes of row " + r);
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void zerosStayZero(boolean symmetric) {
    QuantType type = new QuantType(ElementType.U4, 16, ElementType.F16, symmetric ? null : ElementType.U4,
        Dim.list(2, 20));
    float[] w = new float[40];
    w[3] = 2;
    w[5] = -1;
    float[] back = new QuantizedWeight(new LiteralWeight(Tensor.f32(w, 2, 20)), type, GroupFit.Scales.RANGE).tensor().floats();
    for (int i : List.of(0, 1, 19, 20, 39)) {
      assertEquals(0f, back[i], 0f);
    }
  }
}
