package dev.catena.tests.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactException;
import dev.catena.runtime.CatenaModel;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One bit changed anywhere in what the artifact holds is noticed; and the file is an ordinary zip of aligned entries. */
class AlteredArtifactTest {
  @TempDir static Path folder;
  private static Path artifact;

  private record Entry(String name, long offset, long size) {}

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(2, 1, 8, 24, 32, 1, 16), ExportStyle.F32, 47);
    artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 8).succeeded();
  }

  private static List<Entry> entries() throws IOException {
    List<Entry> all = new ArrayList<>();
    try (ZipFile zip = ZipFile.builder().setPath(artifact).get()) {
      for (ZipArchiveEntry e : Collections.list(zip.getEntriesInPhysicalOrder())) {
        all.add(new Entry(e.getName(), e.getDataOffset(), e.getSize()));
      }
    }
    return all;
  }

  @Test
  void entriesAreStoredAndWeightsAreAlignedToPages() throws IOException {
    try (ZipFile zip = ZipFile.builder().setPath(artifact).get()) {
      for (ZipArchiveEntry e : Collections.list(zip.getEntries())) {
        assertEquals(ZipEntry.STORED, e.getMethod(), e.getName());
        assertEquals(0, e.getDataOffset() % 4096, e.getName());
      }
    }
    List<String> names = entries().stream().map(Entry::name).toList();
    assertTrue(names.contains("manifest.json"), names.toString());
    assertTrue(names.stream().anyMatch(n -> n.startsWith("weights/decoder_0/")), names.toString());
    assertTrue(names.stream().anyMatch(n -> n.matches("ir/[0-9]{2}-merge\\.cir")), names.toString());
    assertTrue(names.stream().anyMatch(n -> n.startsWith("code/cpu:")), names.toString());
  }

  @Test
  void aChangedBitAnywhereIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(artifact);
    Random random = new Random(79);
    for (int i = 0; i < 300; i++) {
      int at = random.nextInt(whole.length);
      byte[] altered = whole.clone();
      altered[at] ^= (byte) (1 << random.nextInt(8));
      Path file = folder.resolve("altered" + i + ".catena");
      Files.write(file, altered);
      assertThrows(ArtifactException.class, () -> CatenaModel.open(file).close(), "byte " + at);
      Files.delete(file);
    }
  }

  static Stream<Named<Entry>> everyEntry() throws IOException {
    return entries().stream().map(e -> Named.of(e.name(), e));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everyEntry")
  void aChangedBitInAnyEntryIsRefused(Entry e) throws IOException {
    Path copy = folder.resolve("altered.catena");
    Files.copy(artifact, copy, StandardCopyOption.REPLACE_EXISTING);
    try (RandomAccessFile file = new RandomAccessFile(copy.toFile(), "rw")) {
      long at = e.offset() + e.size() / 2;
      file.seek(at);
      int old = file.read();
      file.seek(at);
      file.write(old ^ 4);
    }
    ArtifactException refusal = assertThrows(ArtifactException.class, () -> CatenaModel.open(copy).close());
    assertTrue(refusal.getMessage().contains("altered.catena"), refusal.getMessage());
    assertFalse(refusal.getMessage().contains("\n"));
    CommandResult run = CatenaCommand.run("run", copy, "--ids", "1", "--print-ids");
    assertEquals(2, run.status());
    assertEquals("", run.out());
  }
}
