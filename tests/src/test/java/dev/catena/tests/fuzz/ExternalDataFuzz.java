package dev.catena.tests.fuzz;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Weight;
import dev.catena.tests.model.ExternalTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A text of up to four lines (location, offset, length, columns) as a tensor's external data, in a folder with links to
 * all that must not be read: whatever is accepted is mapped from inside the folder.
 */
public final class ExternalDataFuzz {
  private static final Path FOLDER = lay(ScratchFolder.create("external"));

  private ExternalDataFuzz() {}

  private static Path lay(Path root) {
    try {
      Path folder = Files.createDirectory(root.resolve("model"));
      Files.write(folder.resolve("data.bin"), new byte[4096]);
      Files.write(Files.createDirectory(folder.resolve("sub")).resolve("more.bin"), new byte[4096]);
      Files.write(root.resolve("secret"), new byte[4096]);
      Files.createSymbolicLink(folder.resolve("link"), root.resolve("secret"));
      Files.createSymbolicLink(folder.resolve("up"), root);
      Files.createSymbolicLink(folder.resolve("in"), Path.of("sub"));
      Files.createLink(folder.resolve("hard"), root.resolve("secret"));
      return folder.toRealPath();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static void fuzzerTestOneInput(byte[] bytes) {
    String[] lines = new String(bytes, StandardCharsets.UTF_8).split("\n", 4);
    long columns = 4;
    try {
      columns = lines.length < 4 ? 4 : Long.parseLong(lines[3].strip());
    } catch (NumberFormatException e) {
      // As good as any number.
    }
    Path file = FOLDER.resolve("m.onnx");
    ScratchFolder.write(file, ExternalTensor.model(lines[0], lines.length < 2 ? null : lines[1],
        lines.length < 3 ? null : lines[2], columns));
    try (ImportedModel model = OnnxImporter.importStage(file)) {
      for (MappedFile f : model.filesOf(model.module().stages().get(0))) {
        Path real = f.path().toRealPath();
        if (!real.startsWith(FOLDER) || real.endsWith("hard")) {
          throw new AssertionError("reads " + real);
        }
      }
      for (Weight w : model.module().weights().values()) {
        w.data().tensor();
      }
    } catch (OnnxException e) {
      OneLine.check(e, "m.onnx: ", List.of(OnnxException.class));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
