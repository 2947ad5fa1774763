package dev.catena.frontend.onnx;

import dev.catena.ir.MappedFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;

/**
 * Reads the protobuf wire format straight from a mapped file, so that large fields stay where they are: {@link #range}
 * gives their place. Every length is checked against what encloses it before anything is allocated.
 */
final class WireReader {
  /** A place in the file. */
  record Range(long offset, long length) {}

  /** Reads one field: must consume it by one of the reader's methods. */
  @FunctionalInterface
  interface Fields {
    void field(int number);
  }

  static final int VARINT = 0;
  static final int FIXED64 = 1;
  static final int BYTES = 2;
  static final int FIXED32 = 5;

  /** As deep as protobuf's own readers go: 33 subgraphs. */
  private static final int MAX_DEPTH = 100;
  private static final int MAX_TEXT = 1 << 16;
  private static final int WINDOW = 1 << 16;

  /** More numbers than this belong into raw_data, which isn't read here. */
  private static final int MOST_NUMBERS = 1 << 24;

  private final MappedFile file;
  private long position;
  private long limit;
  private int depth;
  private int wireType;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
  private ByteBuffer window = ByteBuffer.allocate(0);
  private long windowStart;

  WireReader(MappedFile file) {
    this.file = file;
    this.limit = file.size();
  }

  /** How the current field is encoded. */
  int wireType() {
    return wireType;
  }

  /** Reads the whole file as one message. */
  void file(Fields fields) {
    fields(fields);
  }

  /** Reads the current field as a message. */
  void message(Fields fields) {
    Range r = range();
    if (++depth > MAX_DEPTH) {
      throw broken("messages are nested more than " + MAX_DEPTH + " deep");
    }
    long outer = limit;
    position = r.offset;
    limit = r.offset + r.length;
    fields(fields);
    limit = outer;
    depth--;
  }

  private void fields(Fields fields) {
    while (position < limit) {
      long tag = rawVarint();
      int number = (int) (tag >>> 3);
      if (tag >>> 32 != 0 || number == 0) {
        throw broken("a field has no valid number");
      }
      wireType = (int) (tag & 7);
      long before = position;
      fields.field(number);
      if (position == before) {
        throw new IllegalStateException("field " + number + " wasn't consumed");
      }
    }
  }

  /** An integer field. */
  long integer() {
    require(VARINT);
    return rawVarint();
  }

  /** An integer field that must lie in the range of an int. */
  int smallInteger() {
    long v = integer();
    if (v != (int) v) {
      throw broken("the number " + v + " is out of range");
    }
    return (int) v;
  }

  /** A repeated integer field, packed or one element; gives elements to {@code into}. */
  void integers(Longs into) {
    if (wireType == VARINT) {
      append(into, rawVarint());
      return;
    }
    Range r = range();
    long outer = limit;
    position = r.offset;
    limit = r.offset + r.length;
    while (position < limit) {
      append(into, rawVarint());
    }
    limit = outer;
  }

  /** A repeated field of 4-byte elements, packed or one element. */
  void fixed32s(Longs into) {
    if (wireType == FIXED32) {
      append(into, rawFixed(4));
      return;
    }
    fixed(into, 4);
  }

  /** A repeated field of 8-byte elements, packed or one element. */
  void fixed64s(Longs into) {
    if (wireType == FIXED64) {
      append(into, rawFixed(8));
      return;
    }
    fixed(into, 8);
  }

  private void fixed(Longs into, int width) {
    Range r = range();
    if (r.length % width != 0) {
      throw broken("a packed field of " + r.length + " bytes holds no whole number of elements");
    }
    position = r.offset;
    for (long i = 0; i < r.length; i += width) {
      append(into, rawFixed(width));
    }
  }

  private void append(Longs into, long value) {
    if (into.size() == MOST_NUMBERS) {
      throw broken("a list of more than " + MOST_NUMBERS + " numbers");
    }
    into.add(value);
  }

  float real() {
    require(FIXED32);
    return Float.intBitsToFloat((int) rawFixed(4));
  }

  /** A name or other short text. */
  String text() {
    Range r = range();
    if (r.length > MAX_TEXT) {
      throw broken("a name of " + r.length + " bytes");
    }
    try {
      // Two names that differ in broken bytes must not become one.
      return utf8.decode(file.bytes(r.offset, (int) r.length)).toString();
    } catch (CharacterCodingException e) {
      throw broken("a name that isn't UTF-8");
    }
  }

  /** The place of a length-delimited field, which is left unread. */
  Range range() {
    require(BYTES);
    long length = rawVarint();
    if (length < 0 || length > limit - position) {
      throw broken("a field of " + Long.toUnsignedString(length) + " bytes, where " + (limit - position)
          + " are left (is the file truncated?)");
    }
    Range r = new Range(position, length);
    position += length;
    return r;
  }

  void skip() {
    switch (wireType) {
      case VARINT -> rawVarint();
      case FIXED64 -> rawFixed(8);
      case FIXED32 -> rawFixed(4);
      case BYTES -> range();
      default -> throw broken("a field of unknown encoding " + wireType);
    }
  }

  private void require(int expected) {
    if (wireType != expected) {
      throw broken("a field is encoded as " + wireType + " where " + expected + " is expected");
    }
  }

  private long rawVarint() {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      int b = rawByte();
      value |= (long) (b & 0x7f) << shift;
      if (b < 0x80) {
        return value;
      }
    }
    throw broken("a number of more than ten bytes");
  }

  private long rawFixed(int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (long) rawByte() << (8 * i);
    }
    return value;
  }

  private int rawByte() {
    if (position >= limit) {
      throw broken("a field ends too early (is the file truncated?)");
    }
    long at = position - windowStart;
    if (at < 0 || at >= window.limit()) {
      windowStart = position;
      window = file.bytes(position, (int) Math.min(WINDOW, file.size() - position)).order(ByteOrder.LITTLE_ENDIAN);
      at = 0;
    }
    position++;
    return window.get((int) at) & 0xff;
  }

  OnnxException broken(String what) {
    return new OnnxException(file.name() + ": not a valid ONNX file: " + what + ", at byte " + position);
  }
}
