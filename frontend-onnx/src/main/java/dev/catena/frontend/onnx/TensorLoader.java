package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.FileWeight;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.MappedFile;
import dev.catena.ir.NarrowFloat;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.WeightData;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/** Turns tensors of a file into references to their place, or small ones into tensors; checks that sizes are true. */
final class TensorLoader {
  /** Where a tensor's little-endian elements lie. */
  private record Place(MappedFile file, long offset, long length) {}

  private final MappedFile file;
  private final Path path;
  private final OpenFiles files;

  /** @param path the file as it was named, beside which external data lie */
  TensorLoader(MappedFile file, Path path, OpenFiles files) {
    this.file = file;
    this.path = path;
    this.files = files;
  }

  private String what(OnnxTensor t) {
    return file.name() + ": tensor '" + t.name() + "'";
  }

  /** The type as written, whose byte count is known not to overflow. */
  TensorType type(OnnxTensor t) {
    ElementType e = ElementTypes.require(t.elementType(), what(t));
    for (long d : t.dims()) {
      if (d < 0) {
        throw new OnnxException(what(t) + ": negative dimension in " + Arrays.toString(t.dims()));
      }
    }
    elements(t);
    return TensorType.of(e, t.dims());
  }

  /** The element count; a shape with a zero in it has none, however large the rest. */
  long elements(OnnxTensor t) {
    long n = 1;
    try {
      for (long d : t.dims()) {
        n = Math.multiplyExact(n, d);
      }
      Math.multiplyExact(n, (long) Long.SIZE); // bits, as places are computed
    } catch (ArithmeticException overflow) {
      throw new OnnxException(what(t) + ": dimensions " + Arrays.toString(t.dims()) + " overflow", overflow);
    }
    return n;
  }

  /** The elements by reference where they lie in a file as they are, else in the heap. */
  WeightData data(OnnxTensor t) {
    TensorType type = type(t);
    if (type.element() == ElementType.STRING) {
      throw new OnnxException(what(t) + ": a weight of strings isn't supported");
    }
    if (type.element().bits() < 8 && type.element() != ElementType.I4 && type.element() != ElementType.U4) {
      return new LiteralWeight(tensor(t));
    }
    Place p = place(t, type);
    return p == null ? new LiteralWeight(tensor(t)) : new FileWeight(p.file, p.offset, type);
  }

  /** All elements in the heap. */
  Tensor tensor(OnnxTensor t) {
    TensorType type = type(t);
    long[] shape = t.dims();
    if (type.element() == ElementType.STRING) {
      requireCount(t, t.texts() == null ? 0 : t.texts().size());
      return Tensor.ofTexts(t.texts() == null ? new String[0] : t.texts().toArray(String[]::new), shape);
    }
    Place p = place(t, type);
    if (p != null) {
      return type.element().bits() < 8 ? packed(p, type, shape) : new FileWeight(p.file, p.offset, type).tensor();
    }
    return fromWords(t, type, shape);
  }

  private static Tensor packed(Place p, TensorType type, long[] shape) {
    Tensor out = new Tensor(type.element(), shape);
    ByteBuffer b = p.file.bytes(p.offset, Math.toIntExact(p.length));
    int perByte = 8 / type.element().bits();
    for (int i = 0; i < out.size(); i++) {
      setPacked(out, i, b.get(i / perByte));
    }
    return out;
  }

  /** Element {@code i} of a type narrower than a byte: the first of those in a byte stands in its lowest bits. */
  private static void setPacked(Tensor out, int i, long container) {
    int bits = out.element().bits();
    long pattern = container >> (i % (8 / bits) * bits) & (1 << bits) - 1;
    if (out.element().isFloat()) {
      out.set(i, NarrowFloat.decode((int) pattern, out.element()));
    } else {
      out.setLong(i, pattern);
    }
  }

  /** Elements of a typed field. */
  private Tensor fromWords(OnnxTensor t, TensorType type, long[] shape) {
    long[] words = t.words() == null ? new long[0] : t.words();
    ElementType e = type.element();
    int perWord = Math.max(1, 8 / e.bits());
    requireCount(t, perWord == 1 ? words.length : Math.min(elements(t), words.length * (long) perWord));
    Tensor out = new Tensor(e, shape);
    for (int i = 0; i < out.size(); i++) {
      switch (e) {
        case F32 -> out.set(i, Float.intBitsToFloat((int) words[i]));
        case F64 -> out.set(i, Double.longBitsToDouble(words[i]));
        // 16-bit reals stand as bit patterns in int32_data.
        case F16 -> out.set(i, HalfFloat.f16ToFloat((short) words[i]));
        case BF16 -> out.set(i, HalfFloat.bf16ToFloat((short) words[i]));
        case F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0 -> out.set(i, NarrowFloat.decode((int) words[i] & 0xff, e));
        case F4E2M1, I4, U4, I2, U2 -> setPacked(out, i, words[i / perWord]);
        default -> out.setLong(i, words[i]);
      }
    }
    boolean reals = e == ElementType.F32 || e == ElementType.F64;
    if (reals && out.size() > 0 && t.wordBits() != e.bits() || !reals && t.wordBits() != 0) {
      throw anotherField(t, e);
    }
    return out;
  }

  private OnnxException anotherField(OnnxTensor t, ElementType e) {
    return new OnnxException(what(t) + ": elements of type " + e.keyword() + " are given in another type's field");
  }

  private void requireCount(OnnxTensor t, long given) {
    if (given != elements(t)) {
      throw new OnnxException(what(t) + ": dimensions " + Arrays.toString(t.dims()) + " take " + elements(t)
          + " elements, " + given + " are given");
    }
  }

  /** Where raw or external data lie, checked against dims and file; null for elements in typed fields. */
  private Place place(OnnxTensor t, TensorType type) {
    long bytes = type.element().bytes(elements(t));
    if (t.external() != null) {
      return externalPlace(t, bytes);
    }
    if (t.raw() == null) {
      return null;
    }
    if (t.wordBits() != 0 && (!type.element().isFloat() || t.wordBits() != type.element().bits())) {
      throw anotherField(t, type.element());
    }
    if (t.raw().length() != bytes) {
      throw new OnnxException(what(t) + ": dimensions " + Arrays.toString(t.dims()) + " of " + type.element().keyword()
          + " take " + bytes + " bytes, " + t.raw().length() + " are given");
    }
    return new Place(file, t.raw().offset(), bytes);
  }

  private Place externalPlace(OnnxTensor t, long bytes) {
    MappedFile data = files.external(path, t.external().getOrDefault("location", ""), what(t));
    long offset = number(t, "offset", 0);
    long length = number(t, "length", bytes);
    if (length != bytes) {
      throw new OnnxException(what(t) + ": dimensions " + Arrays.toString(t.dims()) + " take " + bytes
          + " bytes, external data has length " + length);
    }
    if (offset > data.size() || bytes > data.size() - offset) {
      throw new OnnxException(what(t) + ": " + bytes + " bytes at " + offset + " lie outside '" + data.name()
          + "', which has " + data.size() + " bytes");
    }
    return new Place(data, offset, bytes);
  }

  private long number(OnnxTensor t, String key, long otherwise) {
    String text = t.external().get(key);
    if (text == null) {
      return otherwise;
    }
    if (!text.matches("[0-9]{1,18}")) {
      throw new OnnxException(what(t) + ": external " + key + " '" + text + "' isn't a number of bytes");
    }
    return Long.parseLong(text);
  }
}
