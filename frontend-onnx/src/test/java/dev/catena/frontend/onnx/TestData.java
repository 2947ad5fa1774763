package dev.catena.frontend.onnx;

import dev.catena.ir.EvalValue;
import dev.catena.ir.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Tensors beside a model, as ONNX's backend tests lay them out: {@code input_0.pb}, …, {@code output_0.pb}, …. */
final class TestData {
  private TestData() {}

  /** All tensors of one kind ({@code input} or {@code output}), in order. */
  static List<Tensor> read(Path set, String kind) throws IOException {
    List<Tensor> tensors = new ArrayList<>();
    for (int i = 0; Files.exists(set.resolve(kind + "_" + i + ".pb")); i++) {
      Path p = set.resolve(kind + "_" + i + ".pb");
      tensors.add(TensorFile.read(p));
    }
    return tensors;
  }

  /** The first difference beyond |a - b| ≤ absolute + relative |b|, or null. */
  static String difference(Tensor want, EvalValue value, double relative, double absolute) {
    Tensor got = (Tensor) value;
    if (want.element() != got.element() || !Arrays.equals(want.shape(), got.shape())) {
      return "got " + got.type().text() + ", wanted " + want.type().text();
    }
    for (int i = 0; i < want.size(); i++) {
      if (!want.element().isFloat()) {
        if (want.getLong(i) != got.getLong(i)) {
          return "element " + i + " is " + got.getLong(i) + ", wanted " + want.getLong(i);
        }
        continue;
      }
      double a = got.get(i);
      double b = want.get(i);
      boolean equal = a == b || Double.isNaN(a) && Double.isNaN(b) || Math.abs(a - b) <= absolute + relative * Math.abs(b);
      if (!equal) {
        return "element " + i + " is " + a + ", wanted " + b;
      }
    }
    return null;
  }

  /** The largest |a - b| over the largest |b|. */
  static double relativeError(Tensor want, EvalValue value) {
    Tensor got = (Tensor) value;
    if (!Arrays.equals(want.shape(), got.shape()) || want.element() != got.element()) {
      throw new AssertionError("got " + got.type().text() + ", wanted " + want.type().text());
    }
    double error = 0;
    double largest = 0;
    for (int i = 0; i < want.size(); i++) {
      double d = Math.abs(got.get(i) - want.get(i));
      error = Double.isNaN(d) ? Double.POSITIVE_INFINITY : Math.max(error, d);
      largest = Math.max(largest, Math.abs(want.get(i)));
    }
    return largest == 0 ? error : error / largest;
  }
}
