package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Dimension;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import dev.catena.ir.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** The pieces of a split model: which file plays which part, and in which order data runs through them. */
final class Pieces {
  /** The parts of a model. */
  enum Role {
    EMBED, DECODER, NORM, HEAD;

    String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** What the only input of a piece other than a decoder is for. */
    String input() {
      return this == EMBED ? "ids" : "hidden";
    }

    /** Whether it may have to know how long the past is. */
    boolean readsPast() {
      return this == EMBED || this == DECODER;
    }

    /** What the only output of a piece other than a decoder is for. */
    String output() {
      return this == HEAD ? "logits" : "hidden";
    }
  }

  /** One file with its part, its inputs and outputs by what they are for, in the order of the stage's. */
  record Piece(OnnxGraph graph, Role role, String stageName, Map<String, ValueInfo> inputs,
      Map<String, ValueInfo> outputs) {

    static Piece simple(OnnxGraph graph, Role role) {
      return new Piece(graph, role, role.text(), Map.of(role.input(), graph.inputs().get(0)),
          Map.of(role.output(), graph.outputs().get(0)));
    }

    static Piece embed(OnnxGraph graph) {
      return new Piece(graph, Role.EMBED, Role.EMBED.text(), EmbedInterface.inputs(graph),
          Map.of(Role.EMBED.output(), graph.outputs().get(0)));
    }

    static Piece decoder(OnnxGraph graph, int number) {
      DecoderInterface d = DecoderInterface.of(graph);
      return new Piece(graph, Role.DECODER, "decoder_" + number, d.inputs(), d.outputs());
    }
  }

  private final List<Piece> pieces;
  private final OnnxGraph whole;

  private Pieces(List<Piece> pieces, OnnxGraph whole) {
    this.pieces = pieces;
    this.whole = whole;
  }

  /** The one file that is the whole model, or null: it comes in pieces. */
  OnnxGraph whole() {
    return whole;
  }

  /** Embed, decoders, norm, head. */
  List<Piece> inOrder() {
    return pieces;
  }

  /**
   * Finds the pieces in a folder. Other files and sub-folders are ignored.
   *
   * @throws OnnxException names the file, the role and the way out where a piece is missing, doubled or not understood
   */
  static Pieces find(Path path, Function<Path, OnnxGraph> read) {
    List<Path> paths = files(path);
    List<OnnxGraph> graphs = new ArrayList<>();
    for (Path p : paths) {
      OnnxGraph g = read.apply(p);
      if (isWholeModel(g)) {
        if (paths.size() > 1) {
          throw new OnnxException(g.fileName() + ": is a whole model, and the folder holds other .onnx files; name the file");
        }
        return new Pieces(List.of(), g);
      }
      graphs.add(g);
    }
    if (!Files.isDirectory(path)) {
      throw new OnnxException(path.getFileName() + ": is one piece of a split model; name the folder that holds all of them");
    }
    OnnxGraph embed = null;
    OnnxGraph norm = null;
    OnnxGraph head = null;
    List<OnnxGraph> decoders = new ArrayList<>();
    for (OnnxGraph g : graphs) {
      switch (role(g)) {
        case EMBED -> embed = only(embed, g, Role.EMBED);
        case NORM -> norm = only(norm, g, Role.NORM);
        case HEAD -> head = only(head, g, Role.HEAD);
        case DECODER -> decoders.add(g);
      }
    }
    String folder = String.valueOf(path.getFileName());
    List<Piece> found = new ArrayList<>();
    found.add(Piece.embed(present(embed, Role.EMBED, folder)));
    if (decoders.isEmpty()) {
      throw missing(Role.DECODER, folder);
    }
    for (OnnxGraph g : DecoderOrder.sorted(decoders, path)) {
      found.add(Piece.decoder(g, found.size() - 1));
    }
    found.add(Piece.simple(present(norm, Role.NORM, folder), Role.NORM));
    found.add(Piece.simple(present(head, Role.HEAD, folder), Role.HEAD));
    return new Pieces(found, null);
  }

  private static List<Path> files(Path path) {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> all = Files.list(path)) {
      List<Path> onnx = all.filter(p -> p.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".onnx"))
          .filter(p -> !Files.isDirectory(p)).sorted(Comparator.comparing(p -> p.getFileName().toString())).toList();
      if (onnx.isEmpty()) {
        throw new OnnxException(path.getFileName() + ": the folder holds no .onnx file");
      }
      return onnx;
    } catch (IOException e) {
      throw new OnnxException(path + ": can't be listed: " + e.getMessage(), e);
    }
  }

  private static OnnxGraph only(OnnxGraph before, OnnxGraph now, Role role) {
    if (before != null) {
      throw new OnnxException("two pieces for the role " + role.text() + ": " + before.fileName() + " and "
          + now.fileName() + "; move one of them out of the folder");
    }
    return now;
  }

  private static OnnxGraph present(OnnxGraph g, Role role, String folder) {
    if (g == null) {
      throw missing(role, folder);
    }
    return g;
  }

  private static OnnxException missing(Role role, String folder) {
    String example = role == Role.DECODER ? "decoder-0.onnx" : role.text() + ".onnx";
    return new OnnxException(folder + ": the " + role.text() + " piece is missing (such as " + example
        + "); a split model has embed, decoder-N, norm and head");
  }

  /** Token ids in, and more done with them than a lookup. */
  private static boolean isWholeModel(OnnxGraph g) {
    boolean ids = g.inputs().stream().anyMatch(Pieces::isInteger);
    boolean hidden = g.inputs().stream().anyMatch(i -> DecoderInterface.isFloat(i) && (i.rank() == 3 || i.rank() == 2));
    return ids && !hidden && (attends(g) || g.nodes().stream().anyMatch(n -> n.is("If")));
  }

  static boolean attends(OnnxGraph g) {
    return g.nodes().stream().anyMatch(n -> n.operation().equals("Softmax") || n.operation().contains("Attention"));
  }

  static boolean isInteger(ValueInfo v) {
    ElementType e = ElementTypes.of(v.elementType());
    return e != null && e.isInteger();
  }

  private static Role role(OnnxGraph g) {
    if (DecoderInterface.fits(g) || DecoderInterface.fitsWithoutPast(g)) {
      return Role.DECODER;
    }
    if (EmbedInterface.fits(g)) {
      return Role.EMBED;
    }
    if (g.inputs().size() == 1 && g.outputs().size() == 1) {
      ValueInfo in = g.inputs().get(0);
      if (DecoderInterface.isFloat(in)) {
        return normOrHead(g, in, g.outputs().get(0));
      }
    }
    throw new OnnxException(g.fileName() + ": is neither embed, decoder, norm nor head by its " + g.inputs().size()
        + " inputs and " + g.outputs().size() + " outputs; move it out of the folder if it isn't part of the model");
  }

  /** A norm keeps the width, a head changes it; where hidden size and vocabulary agree, the name decides, then content. */
  private static Role normOrHead(OnnxGraph g, ValueInfo in, ValueInfo out) {
    Dimension from = last(in);
    Dimension to = last(out);
    if (from.isKnown() && to.isKnown() && from.value() != to.value()) {
      return Role.HEAD;
    }
    String name = g.fileName().toLowerCase(Locale.ROOT);
    boolean saysHead = name.contains("head") || name.contains("logit");
    boolean saysNorm = name.contains("norm") || name.contains("ln_f");
    if (saysHead != saysNorm) {
      return saysHead ? Role.HEAD : Role.NORM;
    }
    boolean projects = g.nodes().stream().anyMatch(n -> n.operation().startsWith("MatMul") || n.operation().equals("Gemm"));
    return projects ? Role.HEAD : Role.NORM;
  }

  private static Dimension last(ValueInfo v) {
    return v.rank() < 1 ? new Dimension(-1, "") : v.shape().get(v.rank() - 1);
  }
}
