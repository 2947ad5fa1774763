package dev.catena.tests.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** A split model on disk, with what its files and tensors are called. */
public record PieceFolder(Path path, PieceNames names) {
  public Path embed() {
    return path.resolve(names.embed());
  }

  public Path decoder(int layer) {
    return path.resolve(names.decoder(layer));
  }

  public Path norm() {
    return path.resolve(names.norm());
  }

  public Path head() {
    return path.resolve(names.head());
  }

  /** All decoders, in order. */
  public List<Path> decoders() {
    return IntStream.iterate(0, i -> Files.exists(decoder(i)), i -> i + 1).mapToObj(this::decoder).toList();
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
