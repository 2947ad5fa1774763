package dev.catena.tests.oracle;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A prompt, what was generated after it, and the logits of every position that was fed: of the prompt and of all
 * generated tokens but the last.
 */
public record Generation(int[] prompt, int[] generated, float[][] logits) {
  /** Lets ONNX Runtime generate greedily. */
  public static Generation greedy(OnnxRuntimeModel model, int[] prompt, int count) {
    List<float[]> logits = new ArrayList<>(Arrays.asList(model.feed(prompt)));
    int[] generated = new int[count];
    for (int i = 0; i < count; i++) {
      generated[i] = likeliest(logits.get(logits.size() - 1));
      if (i + 1 < count) {
        logits.addAll(Arrays.asList(model.feed(generated[i])));
      }
    }
    return new Generation(prompt, generated, logits.toArray(float[][]::new));
  }

  static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  /** How far the largest logit of a row stands above the second. */
  public static double margin(float[] row) {
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (float v : row) {
      if (v > first) {
        second = first;
        first = v;
      } else if (v > second) {
        second = v;
      }
    }
    return (double) first - second;
  }

  /** The largest magnitude among the logits. */
  public double largest() {
    double largest = 0;
    for (float[] row : logits) {
      for (float v : row) {
        largest = Math.max(largest, Math.abs(v));
      }
    }
    return largest;
  }

  /** The row whose logits chose {@code generated[i]}. */
  public float[] chose(int i) {
    return logits[prompt.length - 1 + i];
  }

  /** The prompt with the first {@code count} generated tokens after it. */
  public int[] tokens(int count) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + count);
    System.arraycopy(generated, 0, ids, prompt.length, count);
    return ids;
  }
}
