package dev.catena.tests.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Whether a compiled model agrees with a judge's greedy generation, position by position. */
public final class Agreement {
  private final Generation judge;
  private final double tolerance;

  /** @param tolerance how far logits may be off, as a share of the largest */
  public Agreement(Generation judge, double tolerance) {
    this.judge = judge;
    this.tolerance = tolerance;
  }

  /** Feeds the prompt at once and the judge's tokens one by one; compares every logit, and each choice that is clear. */
  public void check(CompiledModel model) {
    List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(judge.prompt())));
    for (int i = 0; i + 1 < judge.generated().length; i++) {
      rows.addAll(Arrays.asList(model.feed(judge.generated()[i])));
    }
    float[][] logits = rows.toArray(float[][]::new);
    LogitsAssert.assertClose(judge.logits(), logits, tolerance, "prefill and decode");
    for (int i = 0; i < judge.generated().length; i++) {
      if (isClear(i)) {
        assertEquals(judge.generated()[i], Generation.likeliest(logits[judge.prompt().length - 1 + i]), "token " + i);
      }
    }
  }

  /**
   * Compares what was generated freely; where the judge's choice wasn't clear and the other token was chosen, the texts
   * part and the rest isn't comparable.
   *
   * @param logits of all positions that were fed
   */
  public void check(int[] generated, float[][] logits) {
    assertEquals(judge.generated().length, generated.length, "tokens generated");
    int parted = 0;
    while (parted < generated.length && generated[parted] == judge.generated()[parted]) {
      parted++;
    }
    int last = parted;
    if (parted < generated.length) {
      assertTrue(!isClear(last), () -> "token " + last + " is " + generated[last] + ", expected "
          + judge.generated()[last] + ", which leads by " + Generation.margin(judge.chose(last)));
      assertTrue(parted > 0, "the first token is a coin toss: choose another seed or prompt");
    }
    int comparable = Math.min(judge.logits().length, judge.prompt().length + parted);
    assertEquals(judge.prompt().length + generated.length - 1, logits.length, "rows of logits");
    LogitsAssert.assertClose(Arrays.copyOf(judge.logits(), comparable), Arrays.copyOf(logits, comparable), tolerance,
        "rows up to token " + parted);
  }

  private boolean isClear(int token) {
    return Generation.margin(judge.chose(token)) > tolerance * judge.largest();
  }
}
