package dev.catena.tests.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The readers of what strangers write, as Jazzer and the tests feed them; each has a folder of seeds and of what was found. */
enum FuzzTarget {
  ONNX(OnnxReaderFuzz.class, OnnxReaderFuzz::fuzzerTestOneInput),
  EXTERNAL(ExternalDataFuzz.class, ExternalDataFuzz::fuzzerTestOneInput),
  CIR(IrTextFuzz.class, IrTextFuzz::fuzzerTestOneInput),
  RULES(RuleTextFuzz.class, RuleTextFuzz::fuzzerTestOneInput),
  ARTIFACT(ArtifactReaderFuzz.class, ArtifactReaderFuzz::fuzzerTestOneInput),
  GRAPH(GraphDescriptionFuzz.class, GraphDescriptionFuzz::fuzzerTestOneInput),
  NPY(NpyFuzz.class, NpyFuzz::fuzzerTestOneInput);

  private final Class<?> entry;
  private final Consumer<byte[]> one;

  FuzzTarget(Class<?> entry, Consumer<byte[]> one) {
    this.entry = entry;
    this.one = one;
  }

  /** The class that Jazzer is given. */
  String className() {
    return entry.getName();
  }

  /** Feeds it one input; returns where the input was read or refused as it should be. */
  void feed(byte[] input) {
    one.accept(input);
  }

  /** Seeds, and inputs that were stumbled over once: these are named {@code found-…}. */
  Path corpus() {
    try {
      return Path.of(FuzzTarget.class.getResource(name().toLowerCase(java.util.Locale.ROOT)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  List<Path> inputs() {
    try (Stream<Path> files = Files.list(corpus())) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
