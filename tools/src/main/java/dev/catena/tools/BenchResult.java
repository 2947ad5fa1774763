package dev.catena.tools;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code bench} found out.
 *
 * @param prefillPerSecond median tokens a second
 * @param decodePerSecond  median tokens a second
 * @param bytesPerToken    bytes that a decode step must read: weights, and the cache at the mean context
 * @param readBandwidth    bytes a second that as many threads read from memory
 * @param othersBefore     cores that other processes used before; negative if the system doesn't say
 * @param batch            how several sequences decode together, if that was measured
 */
record BenchResult(String target, int threads, int promptLength, int generatedLength, int repetitions,
    double prefillPerSecond, double decodePerSecond, long bytesPerToken, double readBandwidth, double othersBefore,
    Optional<BatchSpeed> batch) {

  /** The fraction of the read bandwidth that decoding uses; small models stay in the cache and may pass 1. */
  double shareOfBandwidth() {
    return decodePerSecond * bytesPerToken / readBandwidth;
  }

  String text() {
    StringBuilder s = new StringBuilder();
    line(s, "prefill", "%.1f tokens/s (%d tokens)", prefillPerSecond, promptLength);
    line(s, "decode", "%.1f tokens/s (%d tokens after %d)", decodePerSecond, generatedLength, promptLength);
    line(s, "a token moves", "%s (%d bytes: weights, and the KV cache at the mean context)", Bytes.text(bytesPerToken),
        bytesPerToken);
    line(s, "bandwidth", "%.1f GB/s read by %s", readBandwidth / 1e9, target.startsWith("sm_") ? "the GPU"
        : threads + (threads == 1 ? " thread" : " threads"));
    line(s, "share", "%.1f %% of it by decode", 100 * shareOfBandwidth());
    batch.ifPresent(b -> line(s, "batch", "%.1f tokens/s by %d sequences together, %.2f times the %.1f of one in the same scheduler",
        b.togetherPerSecond(), b.sequences(), b.ratio(), b.onePerSecond()));
    line(s, "measured", "medians of %d repetitions; %s%s", repetitions, target,
        othersBefore < 0 ? "" : String.format(Locale.ROOT, "; other processes used %.2f cores before", othersBefore));
    return s.toString();
  }

  private static void line(StringBuilder s, String name, String format, Object... values) {
    s.append(String.format("%-14s", name)).append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("prefill_tokens_per_s", prefillPerSecond);
    json.put("decode_tokens_per_s", decodePerSecond);
    json.put("bytes_per_token", bytesPerToken);
    json.put("read_bandwidth_bytes_per_s", readBandwidth);
    json.put("share_of_bandwidth", shareOfBandwidth());
    json.put("target", target);
    json.put("threads", threads);
    json.put("prompt_len", promptLength);
    json.put("gen_len", generatedLength);
    json.put("repeat", repetitions);
    json.put("others_cores_before", othersBefore);
    batch.ifPresent(b -> {
      json.put("batch", b.sequences());
      json.put("batch_decode_tokens_per_s", b.togetherPerSecond());
      json.put("batch_one_decode_tokens_per_s", b.onePerSecond());
      json.put("batch_ratio_to_one", b.ratio());
    });
    return json;
  }
}
