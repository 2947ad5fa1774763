package dev.catena.ir;

import java.nio.ByteBuffer;

/**
 * A quantized matrix in a mapped file: codes {@code [rows, columns]}, a byte each; then f32 scales {@code [rows, groups]};
 * then zero points {@code [rows, groups]}, a byte each; little-endian.
 */
public final class CodedWeight implements CodedMatrix {
  private final MappedFile file;
  private final long offset;
  private final QuantType type;
  private volatile String hash;

  /** The range must lie in the file. */
  public CodedWeight(MappedFile file, long offset, QuantType type) {
    this.file = file;
    this.offset = offset;
    this.type = type;
    if (offset < 0 || bytes(type) > file.size() - offset) {
      throw new IrException(file.name() + ": a matrix of " + type.text() + " at " + offset + " lies outside the file");
    }
  }

  /** What a matrix takes in such a file. */
  public static long bytes(QuantType type) {
    return Math.addExact(Math.multiplyExact(type.rows(), type.columns()), Math.multiplyExact(5 * type.rows(), type.groups()));
  }

  @Override
  public QuantType type() {
    return type;
  }

  @Override
  public void readCodes(long firstRow, int rows, byte[] codes, float[] scales, byte[] zeros) {
    int columns = Math.toIntExact(type.columns());
    int groups = Math.toIntExact(type.groups());
    file.bytes(offset + firstRow * columns, Math.multiplyExact(rows, columns)).get(codes, 0, rows * columns);
    long scalesAt = offset + type.rows() * columns;
    ByteBuffer s = file.bytes(scalesAt + 4 * firstRow * groups, Math.multiplyExact(4 * rows, groups));
    s.asFloatBuffer().get(scales, 0, rows * groups);
    file.bytes(scalesAt + 4 * type.rows() * groups + firstRow * groups, rows * groups).get(zeros, 0, rows * groups);
  }

  @Override
  public String hash() {
    if (hash == null) {
      hash = Hashes.of("codes", type.text(), file.sha256(offset, bytes(type)));
    }
    return hash;
  }

  @Override
  public String text() {
    return "codes(" + Printer.quoted(file.name()) + ", " + offset + ", " + bytes(type) + ")";
  }
}
