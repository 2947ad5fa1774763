package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.catena.ir.FileWeight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
        {"offset", "99999999999999999999"}, {"length", "8191"}, {"length", "0"}, {"length", "99999999999"}}) {
      Path p = model("location", "data.bin", entries[0], entries[1]);
      Refusal.of(() -> OnnxImporter.importStage(p), "m.onnx: tensor 'w': ");
    }
  }
}
