package dev.catena.frontend.onnx;

import dev.catena.ir.MappedFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The files of one import: each is opened once, and all are closed together. */
final class OpenFiles implements AutoCloseable {
  private final Map<Path, MappedFile> files = new LinkedHashMap<>();
  private final Map<String, MappedFile> byLocation = new HashMap<>();

  /** Opens a model file that the user named. */
  MappedFile model(Path path) {
    String name = String.valueOf(path.getFileName());
    if (!Files.exists(path)) {
      throw new OnnxException(path + ": no such file");
    }
    if (!Files.isRegularFile(path)) {
      throw new OnnxException(path + ": not a regular file");
    }
    try {
      return open(path.toRealPath(), name);
    } catch (IOException e) {
      throw new OnnxException(path + ": can't be opened: " + e.getMessage(), e);
    }
  }

  /** Opens the file that external data of a tensor lie in; thousands of tensors lie in the same. */
  MappedFile external(Path model, String location, String what) {
    return byLocation.computeIfAbsent(model.getParent() + "/" + location, key -> {
      Path real = ExternalLocation.existing(model, location, what);
      return files.computeIfAbsent(real, r -> ExternalLocation.open(r, location, what));
    });
  }

  private MappedFile open(Path real, String name) {
    MappedFile known = files.get(real);
    if (known != null) {
      return known;
    }
    try {
      // The real path was checked; a link put in its place since then is not followed.
      MappedFile file = new MappedFile(real, name,
          FileChannel.open(real, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
      files.put(real, file);
      return file;
    } catch (NoSuchFileException e) {
      throw new OnnxException(name + ": no such file", e);
    } catch (IOException e) {
      throw new OnnxException(name + ": can't be opened: " + e.getMessage(), e);
    }
  }

  List<MappedFile> all() {
    return List.copyOf(files.values());
  }

  @Override
  public void close() {
    IOException first = null;
    for (MappedFile f : files.values()) {
      try {
        f.close();
      } catch (IOException e) {
        first = e;
      }
    }
    files.clear();
    if (first != null) {
      throw new OnnxException("a model file can't be closed: " + first.getMessage(), first);
    }
  }
}
