package dev.catena.tools;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What enters a piece's linear layers in the original model, row after row, a file of f32 for each: the original piece need not
 * stay in memory beside the one that is being quantized. A file is deleted once it has been read.
 */
final class LayerInputs implements AutoCloseable {
  private final List<Path> paths = new ArrayList<>();
  private final List<FileChannel> files = new ArrayList<>();
  private ByteBuffer buffer = ByteBuffer.allocate(0);

  /** Creates the files of {@code layers} layers in a folder, in place of those that an interrupted run has left there. */
  LayerInputs(Path folder, int layers) throws IOException {
    try {
      for (int i = 0; i < layers; i++) {
        paths.add(folder.resolve("inputs-" + i + ".f32"));
        files.add(FileChannel.open(paths.get(i), StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.READ, StandardOpenOption.WRITE));
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  void append(int layer, float[] values, int count) throws IOException {
    ByteBuffer bytes = buffer(count);
    bytes.asFloatBuffer().put(values, 0, count);
    while (bytes.hasRemaining()) {
      files.get(layer).write(bytes);
    }
  }

  /** Reads a layer's file from its beginning, once. */
  Reader reader(int layer) throws IOException {
    FileChannel file = files.get(layer).position(0);
    return new Reader(file, paths.get(layer));
  }

  /** One layer's inputs in the order in which they were appended. */
  final class Reader implements AutoCloseable {
    private final FileChannel file;
    private final Path path;

    private Reader(FileChannel file, Path path) {
      this.file = file;
      this.path = path;
    }

    void read(float[] into, int count) throws IOException {
      ByteBuffer bytes = buffer(count);
      while (bytes.hasRemaining()) {
        if (file.read(bytes) < 0) {
          throw new EOFException(path + ": holds fewer rows than were recorded");
        }
      }
      bytes.flip().asFloatBuffer().get(into, 0, count);
    }

    @Override
    public void close() throws IOException {
      file.close();
      Files.deleteIfExists(path);
    }
  }

  private ByteBuffer buffer(int values) {
    int bytes = Math.multiplyExact(4, values);
    if (buffer.capacity() < bytes) {
      buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
    return buffer.clear().limit(bytes);
  }

  @Override
  public void close() throws IOException {
    for (int i = 0; i < files.size(); i++) {
      files.get(i).close();
      Files.deleteIfExists(paths.get(i));
    }
  }
}
