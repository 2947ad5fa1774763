package dev.catena.ir;

/** How long the code of one graph may be. Readers of models estimate it, to refuse early; lowering counts. */
public final class StepLimit {
  /** As many as 25 000 additions or 7500 softmaxes have: for more there is neither memory nor time. */
  public static final int MOST_STEPS = 1 << 17;

  /** What is said of a graph that has more, behind the place where they became too many. */
  public static final String REFUSAL = "the graph's code has more than " + MOST_STEPS + " steps up to here; cut the model into several";

  private StepLimit() {}
}
