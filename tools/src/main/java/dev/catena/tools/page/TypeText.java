package dev.catena.tools.page;

import dev.catena.ir.KvType;
import dev.catena.ir.QuantType;
import dev.catena.ir.TensorType;
import dev.catena.ir.Type;

/** Types in the few characters that a drawing has room for, and the bytes that they take. */
public final class TypeText {
  private TypeText() {}

  /** {@code f16 [?tokens, 256]}, {@code u4 g128 [512, 256]}, {@code kv f16 2 × 64}. */
  static String brief(Type type) {
    if (type instanceof TensorType t) {
      return t.element().keyword() + " " + t.shape();
    }
    if (type instanceof QuantType q) {
      return q.code().keyword() + " g" + q.group() + " " + q.shape();
    }
    if (type instanceof KvType kv) {
      String storage = kv.key() == kv.value() ? kv.key().keyword() : kv.key().keyword() + "/" + kv.value().keyword();
      return "kv " + storage + " " + kv.heads() + " × " + kv.dim();
    }
    return type == null ? "?" : type.text();
  }

  /** Bytes of a weight as its type states them; 0 where the type says nothing, as of a text. */
  public static long bytes(Type type) {
    try {
      if (type instanceof QuantType q) {
        return q.bytes();
      }
      return type instanceof TensorType t && t.isStatic() ? t.element().bytes(t.elements().value()) : 0;
    } catch (ArithmeticException e) {   // a hostile text may state any size
      return Long.MAX_VALUE;
    }
  }
}
