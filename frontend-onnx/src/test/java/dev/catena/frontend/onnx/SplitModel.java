package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static dev.catena.frontend.onnx.ModelBytes.I64;
import static dev.catena.frontend.onnx.ModelBytes.integer;
import static dev.catena.frontend.onnx.ModelBytes.integers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Pieces of a tiny model, for tests of how pieces are found: real dataflow, weights of no meaning. */
final class SplitModel {
  final int hidden;
  final int heads;
  final int headSize;
  final int vocabulary;

  SplitModel(int hidden, int heads, int vocabulary) {
    this.hidden = hidden;
    this.heads = heads;
    this.headSize = hidden / heads;
    this.vocabulary = vocabulary;
  }

  /** 8 wide, 2 heads, 16 tokens. */
  static SplitModel small() {
    return new SplitModel(8, 2, 16);
  }

  private static byte[] weight(String name, long... dims) {
    long n = 1;
    for (long d : dims) {
      n *= d;
    }
    return ModelBytes.tensor(name, F32, dims, ModelBytes.floats((int) n));
  }

  private static byte[] shape(String name, long... values) {
    return ModelBytes.tensor(name, I64, new long[] {values.length}, ModelBytes.longs(values));
  }

  ModelBytes embed() {
    return new ModelBytes().input("ids", I64, 1, "seq").output("out", F32, 1, "seq", hidden)
        .initializer(weight("table", vocabulary, hidden)).node("Gather", "table ids", "out");
  }

  ModelBytes norm() {
    return new ModelBytes().input("in", F32, 1, "seq", hidden).output("out", F32, 1, "seq", hidden)
        .initializer(weight("scale", hidden)).node("Mul", "in scale", "out");
  }

  ModelBytes head() {
    return new ModelBytes().input("in", F32, 1, "seq", hidden).output("out", F32, 1, "seq", vocabulary)
        .initializer(weight("w", hidden, vocabulary)).node("MatMul", "in w", "out");
  }

  /** A decoder whose inputs are declared in the order and by the names of {@code names}: x, mask, pos, pk, pv. */
  ModelBytes decoder(String order, String... names) {
    String x = names[0];
    String mask = names[1];
    String pos = names[2];
    String pk = names[3];
    String pv = names[4];
    ModelBytes m = new ModelBytes();
    for (char c : order.toCharArray()) {
      switch (c) {
        case 'x' -> m.input(x, F32, 1, "seq", hidden);
        case 'm' -> m.input(mask, F32, 1, 1, "seq", "total");
        case 'p' -> m.input(pos, I64, 1, "seq");
        case 'k' -> m.input(pk, F32, 1, heads, "past", headSize);
        case 'v' -> m.input(pv, F32, 1, heads, "past", headSize);
        default -> throw new IllegalArgumentException(order);
      }
    }
    byte[] heads4 = integers("perm", 0, 2, 1, 3);
    return m.output("new_" + pv, F32, 1, heads, "total", headSize).output("y", F32, 1, "seq", hidden)
        .output("new_" + pk, F32, 1, heads, "total", headSize)
        .initializer(weight("wq", hidden, hidden)).initializer(weight("wk", hidden, hidden))
        .initializer(weight("wv", hidden, hidden)).initializer(weight("postable", 32, hidden))
        .initializer(shape("split", 0, 0, heads, headSize)).initializer(shape("join", 0, 0, hidden))
        .node("Gather", "postable " + pos, "pe").node("Add", x + " pe", "h")
        .node("MatMul", "h wq", "q0").node("MatMul", "h wk", "k0").node("MatMul", "h wv", "v0")
        .node("Reshape", "q0 split", "q1").node("Reshape", "k0 split", "k1").node("Reshape", "v0 split", "v1")
        .node("Transpose", "q1", "q", heads4).node("Transpose", "k1", "k2", heads4).node("Transpose", "v1", "v2", heads4)
        .node("Concat", pk + " k2", "new_" + pk, integer("axis", 2))
        .node("Concat", pv + " v2", "new_" + pv, integer("axis", -2))
        .node("Transpose", "new_" + pk, "kt", integers("perm", 0, 1, 3, 2))
        .node("MatMul", "q kt", "s0").node("Add", "s0 " + mask, "s1").node("Softmax", "s1", "p", integer("axis", 3))
        .node("MatMul", "p new_" + pv, "a0").node("Transpose", "a0", "a1", heads4).node("Reshape", "a1 join", "a2")
        .node("Add", x + " a2", "y");
  }

  ModelBytes decoder() {
    return decoder("xmpkv", "x", "mask", "pos", "pk", "pv");
  }

  /** Writes a whole model: decoders are named by {@code pattern}, a format for their number. */
  Path write(Path folder, String pattern, int... numbers) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    embed().write(folder.resolve("embed.onnx"));
    norm().write(folder.resolve("norm.onnx"));
    head().write(folder.resolve("head.onnx"));
    for (int n : numbers) {
      decoder().write(folder.resolve(String.format(pattern, n)));
    }
    return folder;
  }
}
