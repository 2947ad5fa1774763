package dev.catena.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Writes a float32 matrix in NumPy's format (NEP 1, version 1.0) row by row, of which one is in memory. The file appears
 * under its name, whole, with {@link #commit}; otherwise {@link #close}, or the end of the process, removes what was written.
 */
final class NpyFile implements AutoCloseable {
  /** Data starts here whatever the number of rows: the header is written last, into room for the largest number. */
  private static final int HEADER = 128;

  private final Path target;
  private final Path temporary;
  private final FileChannel file;
  private final ByteBuffer row;
  private final Thread atShutdown = new Thread(this::discard, "catena-npy-discard");
  private long rows;
  private boolean finished;

  /** @throws UserError when {@code target} can't be a new file */
  static NpyFile create(Path target, int columns) {
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw new UserError(target + ": is not a regular file, and can't be replaced by one");
    }
    Path folder = target.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new UserError(target + ": the folder " + folder + " does not exist");
    }
    Path temporary = folder.resolve("." + target.getFileName() + "."
        + Long.toHexString(ThreadLocalRandom.current().nextLong()) + ".part");
    try {
      return new NpyFile(target, temporary, columns);
    } catch (IOException e) {
      throw new UserError(target + ": cannot be written: " + reason(e));
    }
  }

  private NpyFile(Path target, Path temporary, int columns) throws IOException {
    this.target = target;
    this.temporary = temporary;
    row = ByteBuffer.allocateDirect(Math.multiplyExact(Float.BYTES, columns)).order(ByteOrder.LITTLE_ENDIAN);
    Runtime.getRuntime().addShutdownHook(atShutdown);
    file = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    file.position(HEADER);
  }

  /** Appends a row: as many values as there are columns, from the buffer's position on. */
  void row(FloatBuffer values) {
    row.clear().asFloatBuffer().put(values.slice().limit(row.capacity() / Float.BYTES));
    try {
      while (row.hasRemaining()) {
        file.write(row);
      }
    } catch (IOException e) {
      throw failure(e);
    }
    rows++;
  }

  /** Makes the file whole and gives it its name. */
  void commit() {
    try {
      ByteBuffer header = header();
      while (header.hasRemaining()) {
        file.write(header, header.position());
      }
      file.close();
      synchronized (this) {
        if (finished) {
          throw new IOException("the process is ending");
        }
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        finished = true;
      }
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private ByteBuffer header() {
    String shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + rows + ", " + row.capacity() / Float.BYTES + "), }";
    ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
    header.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0);
    header.putShort((short) (HEADER - header.position() - Short.BYTES));
    header.put(shape.getBytes(StandardCharsets.US_ASCII));
    while (header.position() < HEADER - 1) {
      header.put((byte) ' ');
    }
    return header.put((byte) '\n').flip();
  }

  @Override
  public void close() {
    discard();
    try {
      Runtime.getRuntime().removeShutdownHook(atShutdown);
    } catch (IllegalStateException e) {
      // The process is ending and the hook runs anyway.
    }
  }

  private synchronized void discard() {
    if (finished) {
      return;
    }
    finished = true;
    try {
      if (file != null) {
        file.close();
      }
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // Nothing more can be done.
    }
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException(new IOException(target + ": cannot be written: " + reason(e), e));
  }

  private static String reason(IOException e) {
    return e instanceof FileSystemException system && system.getReason() != null ? system.getReason()
        : e instanceof AccessDeniedException ? "permission denied" : String.valueOf(e.getMessage());
  }
}
