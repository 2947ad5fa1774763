package dev.catena.tools;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One artifact's line of {@code catena eval}.
 *
 * @param weightsBytes as stored
 * @param memoryBytes  weights, cache and activations at the evaluation's window
 */
record EvalResult(Path file, TextScore score, long textBytes, long weightsBytes, long memoryBytes, Benchmark.Speed speed) {
  static TextTable table() {
    return new TextTable("artifact", "perplexity", "Δ %", "bits/byte", "KL", "top-1 %", "weights MiB", "memory MiB",
        "prefill t/s", "decode t/s");
  }

  /** @param first the line that this one is compared to; itself in the first line */
  void row(TextTable table, EvalResult first) {
    boolean compared = this != first;
    table.row(file.getFileName(), number("%.4f", score.perplexity()),
        compared ? number("%+.2f", 100 * (score.perplexity() / first.score.perplexity() - 1)) : "",
        number("%.4f", score.bitsPerByte(textBytes)), compared ? number("%.5f", score.divergence()) : "",
        compared ? number("%.2f", 100 * score.agreement()) : "", number("%.2f", weightsBytes / 1048576.0),
        number("%.2f", memoryBytes / 1048576.0), number("%.0f", speed.prefillPerSecond()),
        number("%.0f", speed.decodePerSecond()));
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }

  Map<String, Object> json(EvalResult first) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("file", file.toString());
    json.put("perplexity", score.perplexity());
    json.put("bits_per_byte", score.bitsPerByte(textBytes));
    json.put("tokens", score.tokens());
    json.put("weights_bytes", weightsBytes);
    json.put("peak_memory_bytes", memoryBytes);
    json.put("prefill_tokens_per_s", speed.prefillPerSecond());
    json.put("decode_tokens_per_s", speed.decodePerSecond());
    if (this != first) {
      json.put("perplexity_change_percent", 100 * (score.perplexity() / first.score.perplexity() - 1));
      json.put("kl_divergence", score.divergence());
      json.put("top1_agreement", score.agreement());
    }
    return json;
  }
}
