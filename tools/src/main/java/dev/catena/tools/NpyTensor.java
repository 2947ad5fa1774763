package dev.catena.tools;

import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.runtime.TensorValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tensors in NumPy's format (NEP 1, versions 1.0 to 3.0). What NumPy has no type for is written as one that holds it: floats
 * of 16 bits and less other than f16 as f4, integers of less than 8 bits as 8.
 */
final class NpyTensor {
  private static final Map<String, String> TYPES = Map.ofEntries(Map.entry("<f8", "f64"), Map.entry("<f4", "f32"),
      Map.entry("<f2", "f16"), Map.entry("<i8", "i64"), Map.entry("<i4", "i32"), Map.entry("<i2", "i16"), Map.entry("|i1", "i8"),
      Map.entry("<u8", "u64"), Map.entry("<u4", "u32"), Map.entry("<u2", "u16"), Map.entry("|u1", "u8"), Map.entry("|b1", "bool"));
  private static final Pattern HEADER = Pattern.compile("\\s*\\{\\s*'descr':\\s*'([^']{1,16})',\\s*'fortran_order':\\s*(True|False),"
      + "\\s*'shape':\\s*\\(([0-9, ]*)\\),?\\s*\\}\\s*");
  private static final int LONGEST_HEADER = 1 << 16;

  private NpyTensor() {}

  /**
   * The tensor in a file, as one of the type that is wanted.
   *
   * @throws UserError naming the file, when it holds no such tensor
   */
  static TensorValue read(Path file, String wanted) {
    if (!Files.isRegularFile(file)) {
      throw new UserError(file + ": " + (Files.exists(file) ? "is not a regular file" : "there is no such file"));
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return converted(file, read(file, channel), wanted);
    } catch (IOException e) {
      throw new UserError(file + ": cannot be read: " + e.getMessage());
    }
  }

  private static TensorValue read(Path file, FileChannel channel) throws IOException {
    ByteBuffer start = bytes(file, channel, 0, 12);
    if (start.get(0) != (byte) 0x93 || !"NUMPY".equals(ascii(start, 1, 5)) || start.get(6) < 1 || start.get(6) > 3) {
      throw new UserError(file + ": is not a NumPy file of version 1, 2 or 3");
    }
    int at = start.get(6) == 1 ? 10 : 12;
    long length = start.get(6) == 1 ? start.getShort(8) & 0xffff : start.getInt(8) & 0xffffffffL;
    if (length > LONGEST_HEADER) {
      throw new UserError(file + ": has a header of " + length + " bytes");
    }
    ByteBuffer text = bytes(file, channel, at, (int) length);
    Matcher header = HEADER.matcher(ascii(text, 0, (int) length));
    if (!header.matches()) {
      throw new UserError(file + ": has a header that can't be read: " + printable(ascii(text, 0, (int) Math.min(length, 80))));
    }
    String type = TYPES.get(header.group(1));
    if (type == null) {
      throw new UserError(file + ": holds elements of type " + printable(header.group(1)) + "; known are " + String.join(" ", TYPES.keySet().stream().sorted().toList()));
    }
    List<Long> dims = new ArrayList<>();
    long count = 1;
    try {
      for (String dim : header.group(3).split(",")) {
        if (!dim.isBlank()) {
          dims.add(Long.parseLong(dim.strip()));
          count = Math.multiplyExact(count, dims.get(dims.size() - 1));
        }
      }
      long size = Math.multiplyExact(count, (long) TensorValue.width(type));
      long there = channel.size() - at - length;
      if (size != there) {
        throw new UserError(file + ": has " + there + " bytes of data, its header asks for " + size);
      }
      ByteBuffer data = bytes(file, channel, at + length, Math.toIntExact(size));
      long[] shape = dims.stream().mapToLong(Long::longValue).toArray();
      return new TensorValue(type, shape, header.group(2).equals("True") ? turned(data, shape, TensorValue.width(type)) : data);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new UserError(file + ": has too large a shape (" + header.group(3) + ")");
    }
  }

  /** From column-major to row-major order. */
  private static ByteBuffer turned(ByteBuffer data, long[] shape, int width) {
    ByteBuffer out = ByteBuffer.allocate(data.remaining()).order(ByteOrder.LITTLE_ENDIAN);
    int elements = data.remaining() / width;
    int[] steps = new int[shape.length];
    int step = 1;
    for (int axis = 0; axis < shape.length; axis++) {
      steps[axis] = step;
      step *= (int) shape[axis];
    }
    for (int i = 0; i < elements; i++) {
      int from = 0;
      int rest = i;
      for (int axis = shape.length - 1; axis >= 0; axis--) {
        from += rest % (int) shape[axis] * steps[axis];
        rest /= (int) shape[axis];
      }
      out.put(i * width, data, from * width, width);
    }
    return out;
  }

  private static ByteBuffer bytes(Path file, FileChannel channel, long at, int count) throws IOException {
    if (at + count > channel.size()) {
      throw new UserError(file + ": ends after " + channel.size() + " bytes");
    }
    ByteBuffer into = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (into.hasRemaining()) {
      if (channel.read(into, at + into.position()) <= 0) {
        throw new UserError(file + ": was cut short while it was read");
      }
    }
    return into.flip().order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String printable(String text) {
    return text.strip().replaceAll("[^ -~]", "?");
  }

  private static String ascii(ByteBuffer bytes, int at, int count) {
    byte[] text = new byte[count];
    bytes.get(at, text);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  /** Types that NumPy lacks are read from those that they are written as. */
  private static TensorValue converted(Path file, TensorValue value, String wanted) {
    if (value.type().equals(wanted)) {
      return value;
    }
    ElementType element = ElementType.valueOf(wanted.toUpperCase(Locale.ROOT));
    if (!value.type().equals(written(element))) {
      throw new UserError(file + ": holds " + value.type() + ", " + written(element) + " is wanted");
    }
    Tensor held = TensorBytes.read(ElementType.valueOf(value.type().toUpperCase(Locale.ROOT)), value.dims(), value.data());
    Tensor as = new Tensor(element, value.dims());
    for (int i = 0; i < held.size(); i++) {
      if (element.isFloat()) {
        as.set(i, held.get(i));
      } else {
        as.setLong(i, held.getLong(i));
      }
    }
    return new TensorValue(wanted, value.dims(), ByteBuffer.wrap(TensorBytes.of(as)));
  }

  /** The type that NumPy holds such elements in. */
  private static String written(ElementType element) {
    return TYPES.containsValue(element.keyword()) ? element.keyword() : element.isFloat() ? "f32"
        : element.keyword().startsWith("u") ? "u8" : "i8";
  }

  /** Writes a tensor as a file, which appears under its name whole. */
  static void write(Path file, TensorValue value) throws IOException {
    ElementType element = ElementType.valueOf(value.type().toUpperCase(Locale.ROOT));
    String type = written(element);
    ByteBuffer data = value.data();
    if (!type.equals(value.type()) && element.isFloat()) {
      Tensor held = TensorBytes.read(element, value.dims(), data);
      data = ByteBuffer.wrap(TensorBytes.of(Tensor.f32(held.floats(), value.dims())));
    }
    String descr = TYPES.entrySet().stream().filter(e -> e.getValue().equals(type)).findFirst().orElseThrow().getKey();
    StringBuilder shape = new StringBuilder();
    for (long dim : value.dims()) {
      shape.append(dim).append(value.dims().length == 1 ? "," : ", ");
    }
    String header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': ("
        + (value.dims().length > 1 ? shape.substring(0, shape.length() - 2) : shape) + "), }";
    int total = (10 + header.length() + 1 + 63) / 64 * 64;
    ByteBuffer head = ByteBuffer.allocate(total).order(ByteOrder.LITTLE_ENDIAN);
    head.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0).putShort((short) (total - 10));
    head.put(header.getBytes(StandardCharsets.US_ASCII));
    while (head.position() < total - 1) {
      head.put((byte) ' ');
    }
    head.put((byte) '\n').flip();
    ByteBuffer whole = ByteBuffer.allocate(Math.addExact(total, data.remaining())).put(head).put(data);
    new OutputFile(file, "--output-dir").write(whole.array());
  }
}
