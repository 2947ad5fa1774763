package dev.catena.ir.onnx;

import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.function.Supplier;

/** The elements of small integer tensors as expressions over dimensions: how shape arithmetic is seen through. */
final class Contents {
  /** No tensor with more elements carries contents. */
  static final int LIMIT = 64;

  private Contents() {}

  /** The contents of an optional operand, or null where they aren't known. */
  static Dim[] of(Value v) {
    return v == null ? null : v.contents();
  }

  /** The elements of an operand that must be integers, or null where they aren't all known when compiling. */
  static long[] known(Value v) {
    if (v == null) {
      return null;
    }
    Dim[] contents = v.contents();
    if (contents == null) {
      Tensor constant = v.constant();
      return constant == null || !constant.element().isInteger() ? null : constant.longs().clone();
    }
    long[] out = new long[contents.length];
    for (int i = 0; i < out.length; i++) {
      if (!contents[i].isKnown()) {
        return null;
      }
      out[i] = contents[i].value();
    }
    return out;
  }

  /** The contents of a constant, or null where it is too large or no integers. */
  static Dim[] ofTensor(Tensor t) {
    if (!carries(t.element()) || t.size() > LIMIT) {
      return null;
    }
    Dim[] out = new Dim[t.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = Dim.of(t.getLong(i));
    }
    return out;
  }

  static boolean carries(ElementType e) {
    return e.isInteger() || e == ElementType.BOOL;
  }

  /** The number of elements of {@code t}, or -1 where it is symbolic or above {@link #LIMIT}. */
  static int smallCount(TensorType t) {
    long n = 1;
    for (Dim d : t.shape()) {
      if (!d.isKnown() || d.value() < 0 || d.value() > LIMIT) {
        return -1;
      }
      n *= d.value();
      if (n > LIMIT) {
        return -1;
      }
    }
    return (int) n;
  }

  /**
   * A result with contents, as far as they can be had: {@code contents} is asked only where the type may carry them,
   * and may give null. Arithmetic that leaves 64 bits leaves the contents unknown.
   */
  static Inferred infer(TensorType type, Supplier<Dim[]> contents) {
    int n = carries(type.element()) ? smallCount(type) : -1;
    if (n < 0) {
      return Inferred.of(type);
    }
    Dim[] elements;
    try {
      elements = contents.get();
    } catch (ArithmeticException overflow) {
      return Inferred.of(type);
    }
    if (elements == null || elements.length != n) {
      return Inferred.of(type);
    }
    for (Dim d : elements) {
      if (d == null) {
        return Inferred.of(type);
      }
    }
    return new Inferred(type, elements);
  }
}
