package dev.catena.tests.architecture;

import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes a small model of some architecture with random weights as one file, as Optimum or torch exports it. */
final class ArchitectureModel {
  /** Whether the file has a KV cache. */
  enum Cache {
    /** Past and present, as Optimum exports it. */
    CARRIED_ON,
    /** The same with keys and values of a layer in one tensor, taken apart by Gather: transformers' GPT-2 of old. */
    STACKED,
    /** The same, taken apart by Split and Squeeze. */
    STACKED_SPLIT,
    /** New keys and values are given, and nothing takes them: torch.onnx.export of a model with use_cache. */
    GIVEN,
    /** Tokens in, logits out. */
    NONE;

    boolean hasPast() {
      return this != GIVEN && this != NONE;
    }

    boolean isStacked() {
      return this == STACKED || this == STACKED_SPLIT;
    }
  }

  static final int VOCABULARY = 71;
  static final int HEADS = 4;
  static final int SIZE = 12;
  static final int LAYERS = 2;
  static final int POSITIONS = 48;
  static final int HIDDEN = 40;
  private static final int FFN = 56;

  private final Architecture kind;
  private final Cache cache;
  private RopeScaling scaling;
  private final ModelGraph g;
  private String past;
  private String rows;
  private String total;
  private String cosines;
  private String sines;

  private ArchitectureModel(Architecture kind, Cache cache, int opset, long seed) {
    this.kind = kind;
    this.cache = cache;
    g = new ModelGraph(opset, seed);
  }

  /** Returns the file. */
  static Path write(Path folder, Architecture kind, int opset, long seed) {
    return write(folder, kind, Cache.CARRIED_ON, opset, seed);
  }

  /** Returns the file. */
  static Path write(Path folder, Architecture kind, Cache cache, int opset, long seed) {
    return new ArchitectureModel(kind, cache, opset, seed).write(folder);
  }

  /** Of Qwen2's kind, with a scaled rotation. */
  static Path write(Path folder, RopeScaling scaling, Cache cache) {
    ArchitectureModel model = new ArchitectureModel(Architecture.QWEN2, cache, 17, 5);
    model.scaling = scaling;
    return model.write(folder);
  }

  private Path write(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Path file = folder.resolve("model.onnx");
    build();
    g.writer.write(file);
    return file;
  }

  private void build() {
    declare();
    rows = g.length("input_ids", 1);
    past = cache.isStacked() ? g.length("past_key_values.0", 3) : cache.hasPast() ? g.length("past_key_values.0.key", 2) : g.index(0);
    total = cache.hasPast() ? g.op("Add", List.of(past, rows)) : rows;
    String table = g.weight(0, 1, VOCABULARY, HIDDEN);
    String x = g.op("Gather", List.of(table, "input_ids"), OnnxAttribute.of("axis", 0));
    x = switch (kind) {
      case GPT2 -> g.op("Add", List.of(x, g.op("Gather", List.of(g.weight(0, 1, POSITIONS, HIDDEN), "position_ids"))));
      case OPT -> g.op("Add", List.of(x, g.op("Gather", List.of(g.weight(0, 1, POSITIONS + 2, HIDDEN), countedPositions()))));
      case GEMMA2 -> g.op("Mul", List.of(x, g.real(Math.sqrt(HIDDEN))));
      default -> x;
    };
    if (rotary() > 0) {
      angles();
    }
    for (int i = 0; i < LAYERS; i++) {
      x = layer(i, x);
    }
    x = norm(x, HIDDEN);
    String logits = switch (kind) {
      case GPT2, OPT, GEMMA2 -> g.op("MatMul", List.of(x, g.op("Transpose", List.of(table), OnnxAttribute.ints("perm", 1, 0))));
      case PHI, GPTJ -> g.linear(x, HIDDEN, VOCABULARY, 2, true);
      default -> g.linear(x, HIDDEN, VOCABULARY, 2, false);
    };
    g.output("logits", kind == Architecture.GEMMA2 ? g.softcap(logits, 6) : logits);
  }

  private void declare() {
    g.writer.input("input_ids", OnnxElement.I64, "batch_size", "sequence_length");
    boolean cached = cache.hasPast();
    String columns = cached ? "total_sequence_length" : "sequence_length";
    g.writer.input("attention_mask", OnnxElement.I64, "batch_size", columns);
    if (kind.takesPositions()) {
      g.writer.input("position_ids", OnnxElement.I64, "batch_size", "sequence_length");
    }
    g.writer.output("logits", OnnxElement.F32, "batch_size", "sequence_length", VOCABULARY);
    for (int i = 0; i < LAYERS && cache.isStacked(); i++) {
      g.writer.input("past_key_values." + i, OnnxElement.F32, 2, "batch_size", kind.kvHeads(), "past_sequence_length", SIZE);
      g.writer.output("present." + i, OnnxElement.F32, 2, "batch_size", kind.kvHeads(), columns, SIZE);
    }
    for (int i = 0; i < LAYERS && cache != Cache.NONE && !cache.isStacked(); i++) {
      for (String part : List.of("key", "value")) {
        if (cached) {
          g.writer.input("past_key_values." + i + "." + part, OnnxElement.F32, "batch_size", kind.kvHeads(), "past_sequence_length", SIZE);
        }
        g.writer.output("present." + i + "." + part, OnnxElement.F32, "batch_size", kind.kvHeads(), columns, SIZE);
      }
    }
  }

  /** cumsum(mask) · mask − 1 + 2, of the last rows. */
  private String countedPositions() {
    String counted = g.op("CumSum", List.of("attention_mask", g.index(1)));
    String positions = g.op("Sub", List.of(g.op("Mul", List.of(counted, "attention_mask")), g.longs(1)));
    String own = g.op("Slice", List.of(positions, g.op("Unsqueeze", List.of(past, g.longs(0))), g.longs(Long.MAX_VALUE), g.longs(1), g.longs(1)));
    return g.op("Add", List.of(own, g.longs(2)));
  }

  private int rotary() {
    return switch (kind) {
      case GPT2, OPT, BLOOM -> 0;
      case PHI -> SIZE / 2 / 2 * 2;
      case GPT_NEOX -> 4;
      case GPTJ -> 8;
      default -> SIZE;
    };
  }

  /** Cosines and sines [b, 1, s, rotary] of the angles, computed from the positions. */
  private void angles() {
    if (scaling != null) {
      String[] tables = scaling.tables(g, "position_ids", rotary());
      cosines = g.op("Unsqueeze", List.of(tables[0], g.longs(1)));
      sines = g.op("Unsqueeze", List.of(tables[1], g.longs(1)));
      return;
    }
    int half = rotary() / 2;
    float[] frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) Math.pow(10000, -2.0 * i / rotary());
    }
    String positions = g.op("Unsqueeze", List.of(g.op("Cast", List.of("position_ids"), OnnxAttribute.of("to", 1)), g.longs(2)));
    String angles = g.op("MatMul", List.of(positions, g.given(frequencies, 1, half)));
    boolean pairs = kind == Architecture.GPTJ;
    String twice = pairs
        ? g.op("Reshape", List.of(g.joined(-1, g.op("Unsqueeze", List.of(angles, g.longs(3))), g.op("Unsqueeze", List.of(angles, g.longs(3)))),
            g.longs(0, 0, rotary())))
        : g.joined(-1, angles, angles);
    cosines = g.op("Unsqueeze", List.of(g.op("Cos", List.of(twice)), g.longs(pairs ? 2 : 1)));
    sines = g.op("Unsqueeze", List.of(g.op("Sin", List.of(twice)), g.longs(pairs ? 2 : 1)));
  }

  private String norm(String x, int width) {
    return switch (kind) {
      case GPT2, OPT, PHI, GPTJ, GPT_NEOX, BLOOM -> g.layerNorm(x, width, true);
      default -> g.rmsNorm(x, width, kind == Architecture.GEMMA2);
    };
  }

  private String layer(int i, String x) {
    String normed = norm(x, HIDDEN);
    String attended = attention(i, normed);
    switch (kind) {
      case PHI, GPTJ:
        return g.op("Add", List.of(g.op("Add", List.of(attended, mlp(normed))), x));
      case GPT_NEOX:
        return g.op("Add", List.of(g.op("Add", List.of(mlp(norm(x, HIDDEN)), attended)), x));
      case GEMMA2:
        String middle = g.op("Add", List.of(x, norm(attended, HIDDEN)));
        return g.op("Add", List.of(middle, norm(mlp(norm(middle, HIDDEN)), HIDDEN)));
      default:
        String sum = g.op("Add", List.of(kind == Architecture.GPT2 ? attended : x, kind == Architecture.GPT2 ? x : attended));
        return g.op("Add", List.of(sum, mlp(norm(sum, HIDDEN))));
    }
  }

  private String mlp(String x) {
    return switch (kind) {
      case GPT2 -> g.conv1d(g.geluNew(g.conv1d(x, HIDDEN, FFN, 1)), FFN, HIDDEN, 1);
      case PHI, GPTJ -> g.linear(g.geluNew(g.linear(x, HIDDEN, FFN, 1, true)), FFN, HIDDEN, 1, true);
      case GPT_NEOX -> g.linear(g.gelu(g.linear(x, HIDDEN, FFN, 1, true)), FFN, HIDDEN, 1, true);
      case OPT -> g.linear(g.op("Relu", List.of(g.linear(x, HIDDEN, FFN, 1, true))), FFN, HIDDEN, 1, true);
      default -> {
        String gate = g.linear(x, HIDDEN, FFN, 1, false);
        String active = kind == Architecture.GEMMA2 ? g.geluNew(gate) : g.silu(gate);
        yield g.linear(g.op("Mul", List.of(active, g.linear(x, HIDDEN, FFN, 1, false))), FFN, HIDDEN, 1, false);
      }
    };
  }

  private String attention(int layer, String x) {
    int kv = kind.kvHeads();
    boolean bias = kind == Architecture.QWEN2 || kind == Architecture.PHI || kind == Architecture.OPT;
    String q;
    String k;
    String v;
    if (kind == Architecture.GPT_NEOX) {
      String[] parts = headsOfThree(x);
      return attention(layer, x, partly(parts[0]), partly(parts[1]), parts[2]);
    }
    if (kind == Architecture.GPT2) {
      String[] parts = g.ops(3, "Split", List.of(g.conv1d(x, HIDDEN, 3 * HEADS * SIZE, 1), g.longs(HEADS * SIZE, HEADS * SIZE, HEADS * SIZE)),
          OnnxAttribute.of("axis", 2));
      q = parts[0];
      k = parts[1];
      v = parts[2];
    } else {
      q = g.linear(x, HIDDEN, HEADS * SIZE, 1.5, bias);
      k = g.linear(x, HIDDEN, kv * SIZE, 1.5, bias);
      v = g.linear(x, HIDDEN, kv * SIZE, 1, bias);
    }
    if (kind == Architecture.OPT) {
      q = g.op("Mul", List.of(q, g.real(1 / Math.sqrt(SIZE))));
    }
    return attention(layer, x, heads(g.cut(q, HEADS, SIZE)), heads(g.cut(k, kv, SIZE)), g.turned(g.cut(v, kv, SIZE)));
  }

  /** Queries, keys and values [b, heads, s, size], of older transformers by slices, of newer ones by a split of turned heads. */
  private String[] headsOfThree(String x) {
    String cut = g.cut(g.linear(x, HIDDEN, 3 * HEADS * SIZE, 1.3, true), HEADS, 3 * SIZE);
    if (cache == Cache.CARRIED_ON) {
      return new String[] {g.turned(g.columns(cut, 0, SIZE, 1)), g.turned(g.columns(cut, SIZE, 2 * SIZE, 1)),
          g.turned(g.columns(cut, 2 * SIZE, Long.MAX_VALUE, 1))};
    }
    return g.ops(3, "Split", List.of(g.turned(cut), g.longs(SIZE, SIZE, SIZE)), OnnxAttribute.of("axis", 3));
  }

  /** Of heads [b, heads, s, size]. */
  private String attention(int layer, String x, String headsOfQ, String headsOfK, String headsOfV) {
    String[] pasts = pasts(layer);
    String presentKey = presented(layer, "key", pasts[0], headsOfK);
    String presentValue = presented(layer, "value", pasts[1], headsOfV);
    if (cache.isStacked()) {
      g.output("present." + layer, g.joined(0, g.op("Unsqueeze", List.of(presentKey, g.longs(0))), g.op("Unsqueeze", List.of(presentValue, g.longs(0)))));
    }
    String keys = g.op("Transpose", List.of(repeated(presentKey)), OnnxAttribute.ints("perm", 0, 1, 3, 2));
    String scores = g.op("MatMul", List.of(headsOfQ, keys));
    if (kind != Architecture.OPT) {
      scores = g.op("Div", List.of(scores, g.real(Math.sqrt(SIZE))));
    }
    if (kind == Architecture.GEMMA2) {
      scores = g.softcap(scores, 2);
    }
    if (kind == Architecture.BLOOM) {
      scores = g.op("Add", List.of(alibi(), scores));
    }
    String shares = kind == Architecture.GPT_OSS ? sharesWithSinks(masked(layer, scores, presentKey))
        : g.op("Softmax", List.of(masked(layer, scores, presentKey)), OnnxAttribute.of("axis", -1));
    String attended = g.turned(g.op("MatMul", List.of(shares, repeated(presentValue))));
    String side = g.op("Reshape", List.of(attended, g.op("Concat", List.of(g.size(x, 0), g.size(x, 1), g.longs(HEADS * SIZE)),
        OnnxAttribute.of("axis", 0))));
    return kind == Architecture.GPT2 ? g.conv1d(side, HEADS * SIZE, HIDDEN, 1)
        : g.linear(side, HEADS * SIZE, HIDDEN, 1, kind == Architecture.PHI || kind == Architecture.OPT || kind == Architecture.GPT_NEOX);
  }

  /** Bloom's: slopes · (cumsum(mask) − 1) · mask, [b, heads, 1, total]. */
  private String alibi() {
    String counted = g.op("Sub", List.of(g.op("CumSum", List.of("attention_mask", g.index(1))), g.longs(1)));
    String positions = g.op("Cast", List.of(g.op("Mul", List.of(counted, "attention_mask"))), OnnxAttribute.of("to", 1));
    float[] slopes = new float[HEADS];
    for (int h = 0; h < HEADS; h++) {
      slopes[h] = (float) Math.pow(2, -1.3 * (h + 1));
    }
    return g.op("Mul", List.of(g.given(slopes, 1, HEADS, 1, 1), g.op("Unsqueeze", List.of(positions, g.longs(1, 2)))));
  }

  /** As transformers' eager attention has it: sinks as one more column, of which the shares are thrown away. */
  private String sharesWithSinks(String scores) {
    String column = g.op("Expand", List.of(g.op("Reshape", List.of(g.weight(0.5, 1, HEADS), g.longs(1, -1, 1, 1))),
        g.op("Concat", List.of(g.size(scores, 0), g.longs(HEADS), g.size(scores, 2), g.longs(1)), OnnxAttribute.of("axis", 0))));
    String all = g.joined(-1, scores, column);
    String shifted = g.op("Sub", List.of(all, g.largest(all)));
    String shares = g.op("Softmax", List.of(shifted), OnnxAttribute.of("axis", -1));
    return g.op("Slice", List.of(shares, g.longs(0), g.longs(-1), g.longs(3), g.longs(1)));
  }

  /** Past keys and values, null where there are none. */
  private String[] pasts(int layer) {
    String name = "past_key_values." + layer;
    if (cache == Cache.STACKED) {
      return new String[] {g.op("Gather", List.of(name, g.index(0)), OnnxAttribute.of("axis", 0)), g.op("Gather", List.of(name, g.index(1)),
          OnnxAttribute.of("axis", 0))};
    }
    if (cache == Cache.STACKED_SPLIT) {
      String[] parts = g.ops(2, "Split", List.of(name, g.longs(1, 1)), OnnxAttribute.of("axis", 0));
      return new String[] {g.op("Squeeze", List.of(parts[0], g.longs(0))), g.op("Squeeze", List.of(parts[1], g.longs(0)))};
    }
    return cache.hasPast() ? new String[] {name + ".key", name + ".value"} : new String[2];
  }

  /** Behind the past, if there is any, and given. */
  private String presented(int layer, String part, String past, String heads) {
    String present = past != null ? g.joined(2, past, heads) : heads;
    if (cache != Cache.NONE && !cache.isStacked()) {
      g.output("present." + layer + "." + part, present);
    }
    return present;
  }

  /** Normalized and rotated where the architecture does so; [b, heads, s, dim]. */
  private String heads(String cut) {
    if (kind == Architecture.GPTJ) {
      return g.turned(partly(cut));
    }
    String heads = g.turned(kind == Architecture.QWEN3 ? g.rmsNorm(cut, SIZE, false) : cut);
    return rotary() == 0 ? heads : rotary() < SIZE ? partly(heads) : rotated(heads);
  }

  private String partly(String heads) {
    return g.joined(-1, rotated(g.columns(heads, 0, rotary(), 1)), g.columns(heads, rotary(), Long.MAX_VALUE, 1));
  }

  private String rotated(String heads) {
    String other;
    if (kind == Architecture.GPTJ) {
      String second = g.op("Neg", List.of(g.columns(heads, 1, Long.MAX_VALUE, 2)));
      String pairs = g.joined(-1, g.op("Unsqueeze", List.of(second, g.longs(-1))),
          g.op("Unsqueeze", List.of(g.columns(heads, 0, Long.MAX_VALUE, 2), g.longs(-1))));
      other = g.op("Reshape", List.of(pairs, g.op("Shape", List.of(heads))));
    } else {
      int half = rotary() / 2;
      other = g.joined(-1, g.op("Neg", List.of(g.columns(heads, half, Long.MAX_VALUE, 1))), g.columns(heads, 0, half, 1));
    }
    return g.op("Add", List.of(g.op("Mul", List.of(heads, cosines)), g.op("Mul", List.of(other, sines))));
  }

  private String repeated(String heads) {
    int times = HEADS / kind.kvHeads();
    if (times == 1) {
      return heads;
    }
    String wide = g.op("Unsqueeze", List.of(heads, g.longs(2)));
    String to = g.op("Concat", List.of(g.size(heads, 0), g.longs(kind.kvHeads()), g.longs(times), g.size(heads, 2), g.longs(SIZE)),
        OnnxAttribute.of("axis", 0));
    return g.op("Reshape", List.of(g.op("Expand", List.of(wide, to)),
        g.op("Concat", List.of(g.size(heads, 0), g.longs(HEADS), g.size(heads, 2), g.longs(SIZE)), OnnxAttribute.of("axis", 0))));
  }

  /** Causal, in the layer's window, and where the attention mask is one. GPT-2 takes its causal mask by the new keys' length. */
  private String masked(int layer, String scores, String presentKey) {
    String keys = kind == Architecture.GPT2 ? g.length(presentKey, 2) : total;
    String columns = g.op("Range", List.of(g.index(0), keys, g.index(1)));
    String own = g.op("Unsqueeze", List.of(g.op("Range", List.of(past, keys, g.index(1))), g.longs(1)));
    String hidden = g.op("Greater", List.of(columns, own));
    if (kind.window(layer) > 0) {
      hidden = g.op("Or", List.of(hidden, g.op("LessOrEqual", List.of(columns, g.op("Sub", List.of(own, g.index(kind.window(layer))))))));
    }
    String padded = g.op("Unsqueeze", List.of(g.op("Cast", List.of("attention_mask"), OnnxAttribute.of("to", 1)), g.longs(1, 2)));
    String padding = g.op("Mul", List.of(g.op("Sub", List.of(g.real(1), padded)), g.real(-Float.MAX_VALUE)));
    if (kind == Architecture.GPT2) {
      String causal = g.op("Where", List.of(g.op("Not", List.of(hidden)), scores, g.real(-Float.MAX_VALUE)));
      return g.op("Add", List.of(causal, padding));
    }
    String additive = g.op("Unsqueeze", List.of(g.op("Where", List.of(hidden, g.real(-Float.MAX_VALUE), g.real(0))), g.longs(0, 1)));
    return kind == Architecture.OPT ? g.op("Max", List.of(g.op("Add", List.of(g.op("Add", List.of(scores, additive)), padding)),
        g.real(-Float.MAX_VALUE))) : g.op("Add", List.of(scores, g.op("Add", List.of(additive, padding))));
  }
}
