package dev.catena.frontend.onnx;

import static dev.catena.frontend.onnx.ModelBytes.F32;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.ir.FileWeight;
import dev.catena.ir.Weight;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Data of more than protobuf, an array or a buffer can hold: mapped where they lie. The file is sparse and takes no room. */
class LargeDataTest {
  private static final long SIZE = 8L << 30;

  @TempDir Path folder;

  private Path sparse() {
    Path data = folder.resolve("model.onnx_data");
    try (RandomAccessFile f = new RandomAccessFile(data.toFile(), "rw")) {
      f.setLength(SIZE);
      for (long at = 0; at < SIZE; at += 1L << 30) { // one number before and one behind each gigabyte's border
        put(f, at, at >> 30);
        put(f, at + (1L << 30) - 4, -(at >> 30));
      }
    } catch (IOException e) {
      skip("a sparse file of 8 GiB can't be made here: " + e.getMessage());
    }
    return data;
  }

  private static void skip(String why) {
    System.err.println("SKIPPED: " + why);
    Assumptions.abort(why);
  }

  private static void put(RandomAccessFile f, long at, float value) throws IOException {
    f.seek(at);
    f.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
  }

  @Test
  void eightGigabytesAreReadWhereTheyLie() {
    sparse();
    // One tensor of 6 GiB, more than any buffer maps, and one across the border of the seventh and the eighth.
    Path p = new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", "m").output("z", F32, "n", 512)
        .initializer(ModelBytes.external("w", F32, new long[] {4, (6L << 30) / 16}, "location", "model.onnx_data", "length",
            Long.toString(6L << 30)))
        .initializer(ModelBytes.external("v", F32, new long[] {4, 512}, "location", "model.onnx_data", "offset",
            Long.toString((7L << 30) - 4096), "length", "8192"))
        .node("MatMul", "x w", "y").node("MatMul", "x v", "z").write(folder.resolve("model.onnx"));
    try (ImportedModel m = OnnxImporter.importStage(p)) {
      FileWeight large = weight(m, 6L << 30);
      assertEquals(0, at(large, 0));
      assertEquals(3, at(large, 3L << 30));
      assertEquals(-3, at(large, (4L << 30) - 4));
      assertEquals(-5, at(large, (6L << 30) - 4));
      FileWeight across = weight(m, 8192);
      assertEquals(-6, at(across, 4092));
      assertEquals(7, at(across, 4096));
      assertEquals(7, across.tensor().get(1024)); // read as a whole, over the border of two mappings
    }
  }

  private static FileWeight weight(ImportedModel m, long bytes) {
    return m.module().weights().values().stream().map(Weight::data).map(d -> (FileWeight) d).filter(d -> d.bytes() == bytes)
        .findFirst().orElseThrow();
  }

  private static float at(FileWeight w, long offset) {
    return w.file().bytes(w.offset() + offset, 4).getFloat();
  }

  @Test
  void placesBehindTheEndOfALargeFile() {
    sparse();
    for (String[] place : new String[][] {{"8589934592", "8192"}, {"8589926401", "8192"}, {"8589934591", "8192"}}) {
      Path p = new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 512)
          .initializer(ModelBytes.external("w", F32, new long[] {4, 512}, "location", "model.onnx_data", "offset", place[0],
              "length", place[1])).node("MatMul", "x w", "y").write(folder.resolve("model.onnx"));
      Refusal.of(() -> OnnxImporter.importStage(p), "model.onnx: tensor 'w': 8192 bytes at " + place[0] + " lie outside");
    }
  }

  /** 2000 tensors in one file, each at its offset: the file is opened once. */
  @Test
  void manyTensorsInOneFile() throws IOException {
    Files.write(folder.resolve("all.bin"), ModelBytes.floats(2000 * 16));
    ModelBytes model = new ModelBytes().input("x", F32, "n", 4).output("y", F32, "n", 4);
    for (int i = 0; i < 2000; i++) {
      model.initializer(ModelBytes.external("w" + i, F32, new long[] {4, 4}, "location", "all.bin", "offset", "" + i * 64,
          "length", "64"));
      model.node("MatMul", (i == 0 ? "x" : "h" + (i - 1)) + " w" + i, i == 1999 ? "y" : "h" + i);
    }
    try (ImportedModel m = OnnxImporter.importStage(model.write(folder.resolve("model.onnx")))) {
      assertEquals(2, m.filesOf(m.module().stages().get(0)).size());
      assertEquals(2000, m.module().weights().size());
      for (Weight w : m.module().weights().values()) {
        FileWeight f = (FileWeight) w.data();
        assertEquals(f.offset() / 4 * 0.5f, at(f, 0));
      }
    }
  }
}
