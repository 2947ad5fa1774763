package dev.catena.ir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A file mapped read-only in segments that are made when first touched and given back by {@link #unmap}, so that a
 * model of any size passes through bounded memory. The channel stays open: what is unmapped can be mapped again.
 */
public final class MappedFile implements AutoCloseable {
  private static final long SEGMENT = 1L << 30;

  private final Path path;
  private final String name;
  private final FileChannel channel;
  private final long size;
  private final MappedByteBuffer[] segments;

  /** @param name how the text form and messages call the file */
  public MappedFile(Path path, String name) throws IOException {
    this(path, name, FileChannel.open(path, StandardOpenOption.READ));
  }

  /** Takes over a channel that was opened and checked by the caller. */
  public MappedFile(Path path, String name, FileChannel channel) throws IOException {
    this.path = path;
    this.name = name;
    this.channel = channel;
    this.size = channel.size();
    this.segments = new MappedByteBuffer[Math.toIntExact((size + SEGMENT - 1) / SEGMENT)];
  }

  public Path path() {
    return path;
  }

  public String name() {
    return name;
  }

  public long size() {
    return size;
  }

  /**
   * A little-endian view of {@code length} bytes; valid until {@link #unmap}. A range across a segment's border is
   * copied.
   */
  public ByteBuffer bytes(long offset, int length) {
    if (offset < 0 || length < 0 || offset > size - length) {
      throw new IrException(name + ": bytes " + offset + " to " + (offset + length) + " lie outside the file of "
          + size + " bytes");
    }
    if (length == 0) {
      return ByteBuffer.allocate(0).order(ByteOrder.LITTLE_ENDIAN);
    }
    int first = (int) (offset / SEGMENT);
    int last = (int) ((offset + length - 1) / SEGMENT);
    if (first == last) {
      return segment(first).slice((int) (offset % SEGMENT), length).order(ByteOrder.LITTLE_ENDIAN);
    }
    ByteBuffer copy = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    long at = offset;
    while (copy.hasRemaining()) {
      int from = (int) (at % SEGMENT);
      int n = (int) Math.min(copy.remaining(), SEGMENT - from);
      copy.put(segment((int) (at / SEGMENT)).slice(from, n));
      at += n;
    }
    return copy.flip().order(ByteOrder.LITTLE_ENDIAN);
  }

  private synchronized MappedByteBuffer segment(int index) {
    if (segments[index] == null) {
      long from = index * SEGMENT;
      try {
        segments[index] = channel.map(FileChannel.MapMode.READ_ONLY, from, Math.min(SEGMENT, size - from));
      } catch (IOException e) {
        throw new UncheckedIOException(name + ": can't be mapped: " + e.getMessage(), e);
      }
    }
    return segments[index];
  }

  /** SHA-256 of a range, in hex; read rather than mapped, so that hashing a model leaves nothing resident. */
  public String sha256(long offset, long length) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ByteBuffer piece = ByteBuffer.allocateDirect((int) Math.max(1, Math.min(length, 1 << 20)));
      for (long at = 0; at < length; ) {
        piece.clear().limit((int) Math.min(length - at, piece.capacity()));
        int n = channel.read(piece, offset + at);
        if (n < 0) {
          throw new IrException(name + ": ends before byte " + (offset + length));
        }
        digest.update(piece.flip());
        at += n;
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new UncheckedIOException(name + ": can't be read: " + e.getMessage(), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Gives the mapped memory back at once; no view handed out before may be used afterwards. */
  public synchronized void unmap() {
    for (int i = 0; i < segments.length; i++) {
      if (segments[i] != null) {
        Unmapper.UNSAFE.invokeCleaner(segments[i]);
        segments[i] = null;
      }
    }
  }

  @Override
  public void close() throws IOException {
    unmap();
    channel.close();
  }

  /** Java 17 unmaps at collection only; this is the supported-in-practice way to do it now. */
  private static final class Unmapper {
    static final sun.misc.Unsafe UNSAFE;

    static {
      try {
        Field f = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        f.setAccessible(true);
        UNSAFE = (sun.misc.Unsafe) f.get(null);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }
  }
}
