package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class DimTest {
  private final Dim seq = Dim.symbol("seq");
  private final Dim past = Dim.symbol("past");

  @Test
  void equalExpressionsAreEqualHoweverTheyWereBuilt() {
    assertEquals(seq.plus(past), past.plus(seq));
    assertEquals(seq.times(Dim.of(2)).minus(seq), seq);
    assertEquals(seq.plus(Dim.of(1)).times(seq.minus(Dim.of(1))), seq.times(seq).minus(Dim.of(1)));
    assertEquals(Dim.of(0), seq.minus(seq));
    assertNotEquals(seq, past);
  }

  @Test
  void exactQuotientsStayPolynomials() {
    assertEquals(seq.times(Dim.of(4)), seq.times(Dim.of(64)).dividedBy(Dim.of(16)));
    assertEquals(Dim.of(64), seq.times(Dim.of(64)).dividedBy(seq));
    assertEquals("floordiv(?seq, 2)", seq.dividedBy(Dim.of(2)).toString());
    assertEquals(Dim.of(-4), Dim.of(-7).dividedBy(Dim.of(2)));
  }

  @Test
  void printsTheConstantLast() {
    assertEquals("?past + ?seq", past.plus(seq).toString());
    assertEquals("?seq + 1", Dim.of(1).plus(seq).toString());
    assertEquals("2*?seq - 3", seq.times(Dim.of(2)).minus(Dim.of(3)).toString());
  }

  @Test
  void overflowIsAnErrorNotAWrongNumber() {
    assertThrows(ArithmeticException.class, () -> Dim.of(Long.MAX_VALUE).plus(Dim.of(1)));
    assertThrows(ArithmeticException.class, () -> Dim.of(1L << 40).times(Dim.of(1L << 40)));
  }
}
