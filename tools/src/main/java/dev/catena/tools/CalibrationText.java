package dev.catena.tools;

import java.util.ArrayList;
import java.util.List;

/** A text's tokens in equally long samples, spread over it, each with the model's start token in front. */
record CalibrationText(List<int[]> samples) {
  /**
   * Cuts {@code ids}.
   *
   * @param start  the token in front, or null
   * @param most   samples at most
   * @param length of a sample, at most
   */
  static CalibrationText of(int[] ids, Integer start, int most, int length) {
    int shift = start == null ? 0 : 1;
    int tokens = Math.max(1, Math.min(length - shift, ids.length));
    int whole = Math.max(1, ids.length / tokens);
    int count = Math.min(most, whole);
    List<int[]> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int from = (int) ((long) i * whole / count) * tokens;
      int[] sample = new int[Math.min(tokens, ids.length - from) + shift];
      System.arraycopy(ids, from, sample, shift, sample.length - shift);
      if (start != null) {
        sample[0] = start;
      }
      samples.add(sample);
    }
    return new CalibrationText(samples);
  }

  int longest() {
    return samples.stream().mapToInt(s -> s.length).max().orElse(0);
  }

  long tokens() {
    return samples.stream().mapToLong(s -> s.length).sum();
  }
}
