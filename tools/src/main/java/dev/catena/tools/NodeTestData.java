package dev.catena.tools;

import dev.catena.frontend.onnx.TensorFile;
import dev.catena.ir.ElementType;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The tensors of one of ONNX's backend tests, and the tolerance of ONNX's own test runner. */
public final class NodeTestData {
  private static final double RELATIVE = 1e-3;
  private static final double ABSOLUTE = 1e-7;
  /** Two units of bf16, as the standard's own runner allows (onnx/backend/test/runner): a case's sums are rounded at each step. */
  private static final double BF16_RELATIVE = 0x1p-6;

  private NodeTestData() {}

  /**
   * All tensors of one kind, in order.
   *
   * @param set      a {@code test_data_set_N}
   * @param kind     {@code input} or {@code output}
   * @param declared the model's own types of them; data beyond them is read as it is
   */
  public static List<Tensor> read(Path set, String kind, List<ElementType> declared) {
    List<Tensor> tensors = new ArrayList<>();
    for (int i = 0; Files.exists(set.resolve(kind + "_" + i + ".pb")); i++) {
      Tensor t = TensorFile.read(set.resolve(kind + "_" + i + ".pb"));
      tensors.add(i < declared.size() && declared.get(i) == ElementType.BF16 && t.element() == ElementType.U16 ? reals(t) : t);
    }
    return tensors;
  }

  /** ONNX 1.12 wrote the bits of bf16 data as u16. */
  private static Tensor reals(Tensor bits) {
    Tensor reals = new Tensor(ElementType.BF16, bits.shape());
    for (int j = 0; j < bits.size(); j++) {
      reals.set(j, HalfFloat.bf16ToFloat((short) bits.getLong(j)));
    }
    return reals;
  }

  /** The first difference beyond the tolerance, of integers and floats of 8 bits and less any difference; or null. */
  public static String difference(Tensor want, Tensor got) {
    if (want.element() != got.element() || !Arrays.equals(want.shape(), got.shape())) {
      return "got " + got.type().text() + ", wanted " + want.type().text();
    }
    double relative = want.element() == ElementType.BF16 ? BF16_RELATIVE : RELATIVE;
    boolean exact = !want.element().isFloat() || want.element().isNarrowFloat();
    for (int i = 0; i < want.size(); i++) {
      double a = got.get(i);
      double b = want.get(i);
      boolean equal = want.element().isFloat() ? a == b || Double.isNaN(a) && Double.isNaN(b) : got.getLong(i) == want.getLong(i);
      if (!equal && (exact || !(Math.abs(a - b) <= ABSOLUTE + relative * Math.abs(b)))) {
        return "element " + i + " is " + (want.element().isFloat() ? a : got.getLong(i)) + ", wanted "
            + (want.element().isFloat() ? b : want.getLong(i));
      }
    }
    return null;
  }
}
