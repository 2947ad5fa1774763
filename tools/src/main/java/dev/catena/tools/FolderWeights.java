package dev.catena.tools;

import dev.catena.frontend.onnx.ExternalLocation;
import dev.catena.ir.MappedFile;
import dev.catena.ir.text.WeightFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The files beside a model, by the names that a text gives them. A text is as little trusted as a model: a name is
 * looked up by the same rule as a model's external data. Files that aren't there leave their weights symbolic.
 */
final class FolderWeights implements WeightFiles, AutoCloseable {
  private final Path model;
  private final Map<String, MappedFile> open = new HashMap<>();

  private FolderWeights(Path model) {
    this.model = model;
  }

  /** @param where a model's folder or the model itself */
  static FolderWeights of(Path where) throws IOException {
    if (!Files.exists(where)) {
      throw new UserError("--weights " + where + ": there is no such file or folder");
    }
    if (!Files.isDirectory(where)) {
      return new FolderWeights(where);
    }
    try (Stream<Path> files = Files.list(where)) {
      return new FolderWeights(files.filter(f -> f.toString().endsWith(".onnx")).sorted().findFirst()
          .orElseThrow(() -> new UserError("--weights " + where + ": holds no .onnx file")));
    }
  }

  @Override
  public MappedFile find(String name) {
    MappedFile known = open.get(name);
    if (known != null) {
      return known;
    }
    Path beside = ExternalLocation.in(model.toAbsolutePath().getParent(), name, "a weight");
    if (!Files.exists(beside)) {
      return null;
    }
    Path real = ExternalLocation.existing(name.endsWith(".onnx") ? beside : model, name, "a weight");
    MappedFile file = ExternalLocation.open(real, name, "a weight");
    open.put(name, file);
    return file;
  }

  @Override
  public void close() throws IOException {
    for (MappedFile f : open.values()) {
      f.close();
    }
    open.clear();
  }
}
