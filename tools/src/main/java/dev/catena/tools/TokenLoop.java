package dev.catena.tools;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Session;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CancellationException;

/** Feeds a prompt, hands on the tokens that follow it, and measures both. */
final class TokenLoop {
  private TokenLoop() {}

  /**
   * @param prompt        tokens that were to be fed
   * @param tokens        what was generated; the token that ended it is not among them
   * @param endToken      the end-of-text or stop id that ended it, or −1
   * @param decodeSeconds from the first token to the last
   */
  record Outcome(int[] prompt, int[] tokens, int endToken, FinishReason reason, double prefillSeconds,
      double decodeSeconds) {
    /** One line for people. */
    String described() {
      String line = "finish reason: " + reason + (endToken < 0 ? "" : " (token " + endToken + ")") + "; prefill "
          + speed(prompt.length, prefillSeconds);
      // The first token's logits come out of the prefill.
      return line + ", " + tokens.length + " generated" + (tokens.length < 2 ? "" : ", decode "
          + speed(tokens.length - 1, decodeSeconds));
    }

    private static String speed(int tokens, double seconds) {
      return String.format(Locale.ROOT, "%d tokens in %.2f s (%.1f tokens/s)", tokens, seconds,
          tokens / Math.max(seconds, 1e-9));
    }
  }

  static Outcome run(Session session, int[] prompt, GenerationOptions options, TokenOutput output) {
    long start = System.nanoTime();
    try {
      session.feed(prompt, options.logits());
    } catch (CancellationException e) {
      output.finish();
      return new Outcome(prompt, new int[0], -1, FinishReason.CANCELLED, seconds(start), 0);
    }
    double prefill = seconds(start);
    Generation generation = session.generate(options);
    int[] tokens = new int[64];
    int count = 0;
    long first = System.nanoTime();
    long last = first;
    while (hasNext(generation, count > 0, output)) {
      int id = generation.nextInt();
      last = System.nanoTime();
      first = count == 0 ? last : first;
      tokens = count == tokens.length ? Arrays.copyOf(tokens, 2 * count) : tokens;
      tokens[count++] = id;
      if (output.accept(id)) {
        generation.stop(FinishReason.STOP_TEXT);
      }
    }
    output.finish();
    return new Outcome(prompt, Arrays.copyOf(tokens, count), generation.endToken(), generation.finishReason(), prefill,
        (last - first) / 1e9);
  }

  /** A device that fails on the way leaves a line that has to end before the message. */
  private static boolean hasNext(Generation generation, boolean begun, TokenOutput output) {
    try {
      return generation.hasNext();
    } catch (DeviceException e) {
      if (begun) {
        output.finish();
      }
      throw e;
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
