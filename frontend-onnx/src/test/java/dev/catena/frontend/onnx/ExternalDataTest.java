package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.FileWeight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** External tensors: read where they lie, and never from outside the model's folder. */
class ExternalDataTest {
  @TempDir
  Path root;
  private Path folder;
  private Path secret;

  @BeforeEach
  void lay() throws IOException {
    folder = Files.createDirectory(root.resolve("model"));
    secret = Files.write(root.resolve("secret"), ModelBytes.floats(4096));
    Files.write(folder.resolve("data.bin"), ModelBytes.floats(4096));
  }

  private Path model(String... entries) {
    return new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 512)
        .initializer(ModelBytes.external("w", F32, new long[] {4, 512}, entries))
        .node("MatMul", "x w", "y").write(folder.resolve("m.onnx"));
  }

  private void refused(String location, String... parts) {
    Path p = model("location", location);
    assertTimeoutPreemptively(Duration.ofSeconds(5), () -> Refusal.of(() -> OnnxImporter.importStage(p), parts));
  }

  private void accepted(Path p, long offset) {
    try (ImportedModel m = OnnxImporter.importStage(p)) {
      FileWeight w = (FileWeight) m.module().weights().values().iterator().next().data();
      assertEquals(offset, w.offset());
      assertEquals((offset / 4 + 3) * 0.5, w.tensor().get(3));
      assertEquals(2, m.filesOf(m.module().stages().get(0)).size());
    }
  }

  @Test
  void dataAreReadAtTheirOffset() throws IOException {
    accepted(model("location", "data.bin"), 0);
    accepted(model("location", "data.bin", "offset", "4096", "length", "8192"), 4096);
    Files.createDirectory(folder.resolve("sub"));
    Files.write(folder.resolve("sub/more.bin"), ModelBytes.floats(4096));
    accepted(model("location", "sub/more.bin"), 0);
    Files.createSymbolicLink(folder.resolve("link.bin"), Path.of("data.bin"));
    accepted(model("location", "link.bin"), 0);
    Files.createLink(folder.resolve("second.bin"), folder.resolve("data.bin"));
    accepted(model("location", "second.bin"), 0);
  }

  /** Hugging Face's cache: a snapshot's files are all links to blobs in one other folder. */
  @Test
  void aLinkedModelFindsItsDataBesideWhatItLinksTo() throws IOException {
    model("location", "data.bin");
    Path snapshot = Files.createDirectory(root.resolve("snapshot"));
    Files.createSymbolicLink(snapshot.resolve("m.onnx"), folder.resolve("m.onnx"));
    Files.createSymbolicLink(snapshot.resolve("data.bin"), folder.resolve("data.bin"));
    accepted(snapshot.resolve("m.onnx"), 0);
  }

  @Test
  void locationsOutOfTheFolder() throws IOException {
    refused("../secret", "m.onnx: tensor 'w': external location '../secret' leads out of the model's folder");
    refused("sub/../../secret", "leads out of the model's folder");
    refused(secret.toString(), "is absolute");
    refused("..\\secret", "holds a character that no path may hold");
    refused("data.bin\0.txt", "holds a character that no path may hold");
    refused("sub//data.bin", "isn't a plain relative path");
    refused("sub/", "isn't a plain relative path");
    refused("", "without a location");
    refused("absent.bin", "isn't there");
  }

  /**
   * CVE-2022-25882 (a location that climbs), CVE-2024-27318 (one that climbs past the first check), and what else looks like
   * a way up.
   */
  @ParameterizedTest
  @ValueSource(strings = {"../secret", "../../../../../../../../etc/passwd", "sub/../../secret", "./../secret", "..//secret",
      "sub/./../../secret", "data.bin/../../secret", "/../secret", "//etc/passwd", "/etc/passwd", "file:///etc/passwd", "..\\secret",
      "sub\\..\\..\\secret", "C:\\secret", "\\\\host\\secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret",
      "\u2025/secret", "\uff0e\uff0e/secret", "..\u2215secret", "..\uff0fsecret", ".. /secret", "... /secret", ".../secret",
      "..\u0000/secret", "../secret\u0000data.bin", "~/secret", "$HOME/secret", "/proc/self/environ", "/dev/zero",
      "proc/../../../../../proc/self/mem", ".", "./", "..", "../", "/", "./.", "./data.bin/.", "m.onnx/../../secret"})
  void noWayUp(String location) throws IOException {
    Files.createDirectories(folder.resolve("sub"));
    refused(location, "m.onnx: tensor 'w'");
  }

  /** What is in no folder but beside the model may have any name. */
  @Test
  void oddNamesInTheFolder() throws IOException {
    for (String name : new String[] {"..data", "a..b", "%2e%2e", "data bin", "\u00fc.bin", "-o", "...", "~"}) {
      Files.write(folder.resolve(name), ModelBytes.floats(4096));
      accepted(model("location", name), 0);
    }
    accepted(model("location", "./data.bin"), 0);
  }

  @Test
  void linksThroughFoldersAndOtherLinks() throws IOException {
    Files.createDirectory(folder.resolve("sub"));
    Files.write(folder.resolve("sub/more.bin"), ModelBytes.floats(4096));
    Files.createSymbolicLink(folder.resolve("inside"), Path.of("sub"));
    accepted(model("location", "inside/more.bin"), 0);
    Files.createSymbolicLink(folder.resolve("sub/first"), Path.of("second"));
    Files.createSymbolicLink(folder.resolve("sub/second"), Path.of("../../secret"));
    refused("sub/first", "is a link out of the model's folder");
    refused("inside/first", "is a link out of the model's folder");
    Files.createSymbolicLink(folder.resolve("sub/out"), root.toAbsolutePath());
    refused("sub/out/secret", "is a link out of the model's folder");
    Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
    refused("loop", "m.onnx: tensor 'w'");
    Files.createSymbolicLink(folder.resolve("dangling"), Path.of("../nowhere"));
    refused("dangling", "isn't there");
    Files.createSymbolicLink(folder.resolve("memory"), Path.of("/proc/self/mem"));
    refused("memory", "is a link out of the model's folder");
    Files.delete(folder.resolve("memory"));
  }

  /** Somebody puts a link in the place of a folder between the look and the opening. */
  @Test
  void whatWasExaminedMustBeWhatIsOpened() throws IOException {
    Path sub = Files.createDirectory(folder.resolve("sub"));
    Files.write(sub.resolve("secret"), ModelBytes.floats(4096));
    Path model = model("location", "sub/secret");
    Path real = ExternalLocation.existing(model, "sub/secret", "m.onnx: tensor 'w'");
    Files.delete(real);
    Files.delete(sub);
    Files.createSymbolicLink(sub, root);
    OnnxException e = assertThrows(OnnxException.class, () -> ExternalLocation.open(real, "sub/secret", "m.onnx: tensor 'w'"));
    assertEquals("m.onnx: tensor 'w': external file 'sub/secret' was replaced while it was opened", e.getMessage());
    Files.delete(sub);
    Files.createDirectory(sub);
    Files.createLink(real, secret);
    e = assertThrows(OnnxException.class, () -> ExternalLocation.open(real, "sub/secret", "m.onnx: tensor 'w'"));
    assertTrue(e.getMessage().endsWith("has another name outside the model's folder (a hard link); copy the file there"), e.getMessage());
  }

  /** The layout of Hugging Face's cache, links and all: snapshots/REVISION/FILE to ../../blobs/HASH. */
  @Test
  void huggingFacesCache() throws IOException {
    Path blobs = Files.createDirectory(root.resolve("blobs"));
    Path snapshot = Files.createDirectories(root.resolve("snapshots/0123abcd/onnx"));
    Files.move(model("location", "model.onnx_data"), blobs.resolve("aaaa"));
    Files.write(blobs.resolve("bbbb"), ModelBytes.floats(4096));
    Files.createSymbolicLink(snapshot.resolve("model.onnx"), Path.of("../../../blobs/aaaa"));
    Files.createSymbolicLink(snapshot.resolve("model.onnx_data"), Path.of("../../../blobs/bbbb"));
    accepted(snapshot.resolve("model.onnx"), 0);
    Files.delete(snapshot.resolve("model.onnx_data"));
    Files.createSymbolicLink(snapshot.resolve("model.onnx_data"), Path.of("../../../secret"));
    Refusal.of(() -> OnnxImporter.importStage(snapshot.resolve("model.onnx")), "is a link out of the model's folder");
  }

  @Test
  void linksOutOfTheFolder() throws IOException {
    Files.createSymbolicLink(folder.resolve("link"), secret);
    refused("link", "m.onnx: tensor 'w'", "is a link out of the model's folder");
    Files.createSymbolicLink(folder.resolve("up"), root);
    refused("up/secret", "is a link out of the model's folder");
    Files.createSymbolicLink(folder.resolve("device"), Path.of("/dev/zero"));
    refused("device", "is a link out of the model's folder");
    Files.delete(folder.resolve("device")); // JUnit warns of links to elsewhere when it cleans up
    Files.createLink(folder.resolve("hard"), secret);
    refused("hard", "has another name outside the model's folder (a hard link)");
  }

  @Test
  void whatIsNoRegularFile() throws IOException, InterruptedException {
    Files.createDirectory(folder.resolve("dir"));
    refused("dir", "isn't a regular file");
    assertEquals(0, new ProcessBuilder("mkfifo", folder.resolve("fifo").toString()).start().waitFor());
    refused("fifo", "isn't a regular file");
  }

  @Test
  void placesThatLie() {
    for (String[] entries : new String[][] {
        {"offset", "8193"}, {"offset", "999999999999"}, {"offset", "-1"}, {"offset", "1e3"},
        {"offset", "99999999999999999999"}, {"offset", "9223372036854775807"}, {"offset", "18446744073709551615"},
        {"offset", "-9223372036854775808"}, {"offset", " 0"}, {"offset", "+0"}, {"offset", ""}, {"offset", "\u0660"}, {"length", "-1"},
        {"length", "9223372036854775807"}, {"length", "18446744073709551616"}, {"length", "8191"}, {"length", "0"}, {"length", "99999999999"}}) {
      Path p = model("location", "data.bin", entries[0], entries[1]);
      Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: tensor 'w': ");
    }
  }
}
