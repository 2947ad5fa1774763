package dev.catena.frontend.onnx;

import dev.catena.ir.FileWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Adds weights to a module, once each: exporters repeat the cos/sin tables in every piece, and tie matrices by copying
 * them. Contents are compared only where type, length and a few samples are equal, so that nothing is read for most.
 */
final class WeightPool {
  /** Below this many bytes a copy costs less than the comparison's complexity. */
  private static final long LEAST = 4096;
  private static final int BLOCK = 1 << 20;

  private final Module module;
  private final Map<String, List<Weight>> candidates = new HashMap<>();

  WeightPool(Module module) {
    this.module = module;
  }

  /** The weight with these contents, under {@code wanted} or the name it was first given. */
  Weight add(String wanted, WeightData data) {
    if (!(data instanceof FileWeight f) || f.bytes() < LEAST) {
      return module.addWeight(wanted, data);
    }
    List<Weight> alike = candidates.computeIfAbsent(f.type().text() + fingerprint(f), k -> new ArrayList<>());
    for (Weight w : alike) {
      if (equal((FileWeight) w.data(), f)) {
        return w;
      }
    }
    Weight w = module.addWeight(wanted, data);
    alike.add(w);
    return w;
  }

  /** Three samples: the beginning, the middle, the end. */
  private static long fingerprint(FileWeight f) {
    long h = 0;
    for (long at : new long[] {0, f.bytes() / 2, f.bytes() - 256}) {
      ByteBuffer b = f.file().bytes(f.offset() + at, 256);
      while (b.hasRemaining()) {
        h = h * 0x9E3779B97F4A7C15L + b.getLong();
      }
    }
    return h;
  }

  private static boolean equal(FileWeight a, FileWeight b) {
    if (a.file() == b.file() && a.offset() == b.offset()) {
      return true;
    }
    for (long at = 0; at < a.bytes(); at += BLOCK) {
      int n = (int) Math.min(BLOCK, a.bytes() - at);
      if (!a.file().bytes(a.offset() + at, n).equals(b.file().bytes(b.offset() + at, n))) {
        return false;
      }
    }
    return true;
  }
}
