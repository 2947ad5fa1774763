package dev.catena.tests.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

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
    model.embed();
    for (int i = 0; i < shape.layers(); i++) {
      model.write(new DecoderPiece(shape, style, model.weights).graph(), style.names().decoder(i));
    }
    model.norm();
    model.head();
    return new PieceFolder(folder, style.names());
  }

  private void write(PieceGraph graph, String file) {
    graph.writer().write(folder.resolve(file), style.external() ? DATA : null);
  }

  private Object batch() {
    return style.dynamicBatch() ? "batch" : 1;
  }

  private void embed() {
    PieceGraph g = new PieceGraph(style);
    g.writer().initializer("table.weight", OnnxContent.reals(style.element(),
        weights.normal(shape.vocab() * shape.hidden(), 1), shape.vocab(), shape.hidden()));
    g.writer().input("input", OnnxElement.I64, batch(), "seq");
    g.writer().output("embed", style.element(), batch(), "seq", shape.hidden());
    g.last("embed", "Gather", List.of("table.weight", "input"));
    write(g, style.names().embed());
  }

  private void norm() {
    PieceGraph g = new PieceGraph(style);
    g.writer().input("input", style.element(), batch(), "seq", shape.hidden());
    g.writer().output("output", style.element(), batch(), "seq", shape.hidden());
    g.writer().initializer("weight",
        OnnxContent.reals(style.element(), weights.scales(shape.hidden()), shape.hidden()));
    NormGraph.scaled(g, style, "", "input", "weight", "output");
    write(g, style.names().norm());
  }

  private void head() {
    PieceGraph g = new PieceGraph(style);
    g.writer().input("input", style.element(), batch(), "seq", shape.hidden());
    g.writer().output("output", style.element(), batch(), "seq", shape.vocab());
    String w = g.weight(OnnxContent.reals(style.element(), weights.matrix(shape.hidden(), shape.vocab(), 2),
        shape.hidden(), shape.vocab()));
    g.last("output", "MatMul", List.of("input", w));
    write(g, style.names().head());
  }
}
