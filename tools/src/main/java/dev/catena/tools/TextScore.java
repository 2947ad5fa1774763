package dev.catena.tools;

import java.nio.FloatBuffer;

/** What a model makes of a text, summed token by token in double precision, beside another model's logits where there are some. */
final class TextScore {
  private final int vocabulary;
  private final double[] logProbabilities;
  private double negativeLogLikelihood;
  private double divergence;
  private long agreeing;
  private long tokens;

  TextScore(int vocabulary) {
    this.vocabulary = vocabulary;
    logProbabilities = new double[vocabulary];
  }

  /**
   * Scores {@code target} on one position's logits.
   *
   * @param reference the first model's logits from index {@code at} on, or null
   */
  void add(FloatBuffer logits, int target, float[] reference, int at) {
    int best = 0;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      logProbabilities[i] = logits.get(i);
      if (logProbabilities[i] > max) {
        max = logProbabilities[i];
        best = i;
      }
    }
    double log = max + Math.log(sumOfExponentials(logProbabilities, max));
    if (!Double.isFinite(log)) {
      throw new UserError("the model's logits are no finite numbers (token " + tokens + " of the text)");
    }
    negativeLogLikelihood += log - logProbabilities[target];
    tokens++;
    if (reference != null) {
      compare(log, best, reference, at);
    }
  }

  private static double sumOfExponentials(double[] x, double max) {
    double sum = 0;
    for (double v : x) {
      sum += Math.exp(v - max);
    }
    return sum;
  }

  private void compare(double log, int best, float[] reference, int at) {
    int referenceBest = 0;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      if (reference[at + i] > max) {
        max = reference[at + i];
        referenceBest = i;
      }
    }
    double sum = 0;
    double weighted = 0;
    for (int i = 0; i < vocabulary; i++) {
      double e = Math.exp(reference[at + i] - max);
      sum += e;
      weighted += e == 0 ? 0 : e * (reference[at + i] - (logProbabilities[i] - log));
    }
    divergence += weighted / sum - (max + Math.log(sum));
    agreeing += referenceBest == best ? 1 : 0;
  }

  long tokens() {
    return tokens;
  }

  double perplexity() {
    return Math.exp(negativeLogLikelihood / tokens);
  }

  /** @param textBytes of the text that was scored */
  double bitsPerByte(long textBytes) {
    return negativeLogLikelihood / Math.log(2) / textBytes;
  }

  /** Mean KL(reference ‖ this model) in nats a token. */
  double divergence() {
    return divergence / tokens;
  }

  /** The fraction of positions at which both models' likeliest token is the same. */
  double agreement() {
    return (double) agreeing / tokens;
  }
}
