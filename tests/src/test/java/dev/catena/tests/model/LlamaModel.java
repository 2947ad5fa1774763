package dev.catena.tests.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Writes a Llama-architecture model with random weights as split pieces, the way exporters do. */
public final class LlamaModel {
  private static final String DATA = "weights.data";

  private final LlamaShape shape;
  private final ExportStyle style;
  private final LlamaWeights weights;
  private final Path folder;

  private LlamaModel(Path folder, LlamaShape shape, ExportStyle style, long seed) {
    this.folder = folder;
    this.shape = shape;
    this.style = style;
    weights = new LlamaWeights(seed);
  }

  /** Writes all pieces into {@code folder}, which is created. */
  public static PieceFolder write(Path folder, LlamaShape shape, ExportStyle style, long seed) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    LlamaModel model = new LlamaModel(folder, shape, style, seed);
    model.write(model.embed(), style.names().embed());
    for (int i = 0; i < shape.layers(); i++) {
      model.write(new DecoderPiece(shape, style, model.weights).graph(), style.names().decoder(i));
    }
    model.write(model.norm(), style.names().norm());
    model.write(model.head(), style.names().head());
    return new PieceFolder(folder, style.names());
  }

  /**
   * Writes the same network as one file: token ids in, logits out, mask and positions shared by all layers.
   *
   * @return the file
   */
  public static Path writeWhole(Path folder, LlamaShape shape, ExportStyle style, long seed) {
    return write(folder.resolve("model.onnx"), whole(folder, shape, style, seed), style);
  }

  /**
   * Writes one file as Optimum merges decoders: an input {@code use_cache_branch} chooses between this network and, as a
   * branch that must not be taken, one with other weights.
   *
   * @return the file
   */
  public static Path writeMerged(Path folder, LlamaShape shape, ExportStyle style, long seed) {
    OnnxGraphWriter other = new OnnxGraphWriter(style.opset());
    other.copy(whole(folder, shape, style, seed + 1), "no_past/", "input_ids", style.names().mask(), style.names().positions(),
        "past.");
    return write(folder.resolve("model.onnx"), whole(folder, shape, style, seed).behindIf("use_cache_branch", other), style);
  }

  private static Path write(Path file, OnnxGraphWriter whole, ExportStyle style) {
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException x) {
      throw new UncheckedIOException(x);
    }
    whole.write(file, style.external() ? "model.onnx_data" : null);
    return file;
  }

  private static OnnxGraphWriter whole(Path folder, LlamaShape shape, ExportStyle style, long seed) {
    LlamaModel model = new LlamaModel(folder, shape, style, seed);
    PieceNames names = style.names();
    OnnxElement e = style.element();
    OnnxGraphWriter whole = new OnnxGraphWriter(style.opset());
    whole.input("input_ids", OnnxElement.I64, model.batch(), "seq");
    whole.join(model.embed().writer(), "e/", Map.of("input", "input_ids", "embed", "x0"));
    boolean declared = false;
    for (int i = 0; i < shape.layers(); i++) {
      DecoderPiece piece = new DecoderPiece(shape, style, model.weights);
      whole.join(piece.graph().writer(), "d" + i + "/", Map.of(names.hidden(), "x" + i, names.hiddenOut(), "x" + (i + 1),
          names.mask(), names.mask(), names.positions(), names.positions(), names.pastKey(), "past." + i + ".a",
          names.pastValue(), "past." + i + ".b", names.presentKey(), "present." + i + ".a", names.presentValue(),
          "present." + i + ".b"));
      if (!declared) {
        piece.declareStep(whole);
        declared = true;
      }
      for (String part : style.has(Form.NO_CACHE) ? List.<String>of() : List.of(".a", ".b")) {
        whole.input("past." + i + part, e, model.batch(), shape.kvHeads(), "past", shape.headDim());
        whole.output("present." + i + part, e, model.batch(), shape.kvHeads(), "total", shape.headDim());
      }
    }
    whole.join(model.norm().writer(), "n/", Map.of("input", "x" + shape.layers(), "output", "normed"));
    whole.join(model.head().writer(), "h/", Map.of("input", "normed", "output", "logits"));
    whole.output("logits", e, model.batch(), "seq", shape.vocab());
    return whole;
  }

  private void write(PieceGraph graph, String file) {
    if (style.has(Form.WEIGHTS_IN_BF16)) {
      graph.writer().castFromBf16();
    }
    graph.writer().write(folder.resolve(file), style.external() ? DATA : null);
  }

  private Object batch() {
    return style.dynamicBatch() ? "batch" : 1;
  }

  private PieceGraph embed() {
    PieceGraph g = new PieceGraph(style);
    g.writer().initializer("table.weight", OnnxContent.reals(style.element(),
        weights.normal(shape.vocab() * shape.hidden(), 1), shape.vocab(), shape.hidden()));
    g.writer().input("input", OnnxElement.I64, batch(), "seq");
    g.writer().output("embed", style.element(), batch(), "seq", shape.hidden());
    g.last("embed", "Gather", List.of("table.weight", "input"));
    return g;
  }

  private PieceGraph norm() {
    PieceGraph g = new PieceGraph(style);
    g.writer().input("input", style.element(), batch(), "seq", shape.hidden());
    g.writer().output("output", style.element(), batch(), "seq", shape.hidden());
    g.writer().initializer("weight",
        OnnxContent.reals(style.element(), weights.scales(shape.hidden()), shape.hidden()));
    NormGraph.scaled(g, style, "", "input", "weight", "output");
    return g;
  }

  private PieceGraph head() {
    PieceGraph g = new PieceGraph(style);
    g.writer().input("input", style.element(), batch(), "seq", shape.hidden());
    g.writer().output("output", style.element(), batch(), "seq", shape.vocab());
    String w = g.weight(OnnxContent.reals(style.element(), weights.matrix(shape.hidden(), shape.vocab(), 2),
        shape.hidden(), shape.vocab()));
    g.last("output", "MatMul", List.of("input", w));
    return g;
  }
}
