package dev.catena.tests.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CatenaProcess;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same input gives the same bytes, wherever it lies; and equal layers share code. */
class DeterminismTest {
  @TempDir Path folder;

  @Test
  void twoFoldersTwoProcessesOneResult() throws IOException {
    LlamaShape shape = LlamaShape.of(3, 1, 8, 24, 32, 2, 16);
    Path a = Files.createDirectories(folder.resolve("a"));
    Path b = Files.createDirectories(folder.resolve("b/deeper"));
    LlamaModel.write(a.resolve("model"), shape, ExportStyle.F16, 53);
    LlamaModel.write(b.resolve("model"), shape, ExportStyle.F16, 53);
    try (Stream<Path> files = Files.list(b.resolve("model"))) {
      for (Path f : (Iterable<Path>) files::iterator) {
        Files.setLastModifiedTime(f, FileTime.fromMillis(1_000_000_000_000L));
      }
    }
    ownCache(a).run("compile", "model", "-o", "m.catena").succeeded();
    ownCache(folder).run("compile", b.resolve("model"), "-o", b.resolve("other-name.catena")).succeeded();
    byte[] first = Files.readAllBytes(a.resolve("m.catena"));
    assertArrayEquals(first, Files.readAllBytes(b.resolve("other-name.catena")));
    assertFalse(new String(first, StandardCharsets.ISO_8859_1).contains(folder.getFileName().toString()),
        "the artifact holds a path of the machine that made it");
  }

  /** Else the second process would take the code that the first one kept. */
  private static CatenaProcess ownCache(Path directory) {
    return CatenaProcess.in(directory).under("env", "CATENA_CACHE=" + directory.resolve("cache"));
  }

  @Test
  void theDefaultOutputHasTheInputsNameAndIsReplaced() throws IOException {
    LlamaModel.write(folder.resolve("little"), LlamaShape.of(1, 1, 8, 24, 32, 1, 16), ExportStyle.F32, 59);
    Files.writeString(folder.resolve("little.catena"), "old");
    CatenaProcess.in(folder).run("compile", "little").succeeded();
    ArtifactReader.open(folder.resolve("little.catena")).close();
  }

  @Test
  void thirtyTwoEqualDecodersAreCompiledOnce() {
    Manifest two = compiled(2);
    Manifest many = compiled(32);
    assertEquals(35, many.stages().size());
    assertEquals(symbols(two), symbols(many));
    assertTrue(codeBytes(many) < codeBytes(two) * 1.1, codeBytes(two) + " bytes of code became " + codeBytes(many));
  }

  private Manifest compiled(int layers) {
    Path model = folder.resolve("layers" + layers);
    LlamaModel.write(model, LlamaShape.of(2, 1, 8, 24, 32, layers, 16), ExportStyle.F32, 61);
    CatenaCommand.run("compile", model, "-o", model + ".catena").succeeded();
    try (ArtifactReader reader = ArtifactReader.open(Path.of(model + ".catena"))) {
      return reader.manifest();
    }
  }

  /** The functions that stages call. */
  private static Set<String> symbols(Manifest m) {
    return m.stages().stream().flatMap(s -> s.code().values().stream()).map(Manifest.Code::symbol)
        .collect(Collectors.toSet());
  }

  private static long codeBytes(Manifest m) {
    return m.entries().get(m.targets().get(0).library()).bytes();
  }
}
