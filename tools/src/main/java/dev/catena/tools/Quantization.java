package dev.catena.tools;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * How codes are chosen.
 *
 * @param scales of groups: range or search
 * @param keep   single matrices' bits, as {@code quantize} takes them
 * @param text   for calibration; present unless the method is {@link Method#RTN}
 * @param samples of the text, at most
 * @param sampleLength tokens in a sample, at most
 */
public record Quantization(Method method, String scales, String keep, Optional<Path> text, int samples, int sampleLength) {
  /** Round to nearest; Frantar et al. 2022; Lin et al. 2023. */
  public enum Method { RTN, GPTQ, AWQ }

  /** Round to nearest, scales by search. */
  public static Quantization roundToNearest() {
    return new Quantization(Method.RTN, "search", "", Optional.empty(), 0, 0);
  }

  boolean calibrated() {
    return method != Method.RTN;
  }

  void describe(Map<String, String> settings, boolean quantizes) {
    settings.put("quant", quantizes ? method.name().toLowerCase(Locale.ROOT) : "none");
    if (quantizes) {
      settings.put("scales", scales);
    }
    if (!keep.isEmpty()) {
      settings.put("keep", keep);
    }
    if (quantizes && calibrated()) {
      settings.put("calib_samples", Integer.toString(samples));
      settings.put("calib_seqlen", Integer.toString(sampleLength));
    }
  }
}
