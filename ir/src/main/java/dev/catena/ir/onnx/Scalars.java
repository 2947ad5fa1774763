package dev.catena.ir.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;

/** Functions of one or two numbers that {@link Math} lacks. */
public final class Scalars {
  private Scalars() {}

  static boolean isUnsigned(ElementType e) {
    return switch (e) {
      case U64, U32, U16, U8, U4, U3, U2, BOOL -> true;
      default -> false;
    };
  }

  /** {@code value} as an element of type {@code e}, which is a float. */
  static double round(double value, ElementType e) {
    return e == ElementType.F64 ? value : NarrowFloat.round(value, e);
  }

  /** Order by value; only 64-bit unsigned numbers don't fit their bit pattern's sign. */
  static int compare(ElementType e, long a, long b) {
    return e == ElementType.U64 ? Long.compareUnsigned(a, b) : Long.compare(a, b);
  }

  static long max(ElementType e, long a, long b) {
    return compare(e, a, b) >= 0 ? a : b;
  }

  static long min(ElementType e, long a, long b) {
    return compare(e, a, b) <= 0 ? a : b;
  }

  static double sigmoid(double x) {
    if (x >= 0) {
      return 1 / (1 + Math.exp(-x));
    }
    double e = Math.exp(x); // no overflow on the negative side
    return e / (1 + e);
  }

  /** Computed for |x|, where nothing cancels. */
  static double asinh(double x) {
    double a = Math.abs(x);
    return Math.copySign(Math.log1p(a + a * a / (1 + Math.sqrt(a * a + 1))), x);
  }

  /** The error function to about 1e-12: Taylor's series near zero, the continued fraction of erfc further out. */
  public static double erf(double x) {
    double a = Math.abs(x);
    if (Double.isNaN(x)) {
      return x;
    }
    if (a > 6) {
      return Math.signum(x);
    }
    if (a < 2.5) {
      double term = x;
      double sum = x;
      for (int n = 1; n < 80; n++) {
        term *= -x * x / n;
        sum += term / (2 * n + 1);
      }
      return sum * 2 / Math.sqrt(Math.PI);
    }
    double fraction = 0;
    for (int n = 60; n > 0; n--) {
      fraction = n / 2.0 / (a + fraction);
    }
    double erfc = Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
    return Math.signum(x) * (1 - erfc);
  }
}
