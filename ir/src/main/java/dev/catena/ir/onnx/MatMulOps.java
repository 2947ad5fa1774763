package dev.catena.ir.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Matrix products. Sums are kept in f64 and rounded once to the element type. */
final class MatMulOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("onnx.MatMul", "The matrix product, batched over leading axes that broadcast; as numpy.matmul.")
          .operand("a").operand("b").traits(Trait.PURE)
          .shape(op -> List.of(inferMatMul(op, Elementwise.sameElement(op))))
          .meaning((op, in) -> List.of(matMul(op, (Tensor) in.get(0), (Tensor) in.get(1)))).build(),
      OpDefinition.named("onnx.MatMulInteger", "The matrix product of codes of 8 bits less their zero points, which broadcast to them: "
              + "a - a_zero_point times b - b_zero_point, in i32.")
          .operand("a").operand("b").optional("a_zero_point").optional("b_zero_point").traits(Trait.PURE)
          .shape(op -> List.of(inferCodes(op)))
          .meaning((op, in) -> List.of(matMul(op, codes(in, 0), codes(in, 1)))).build(),
      OpDefinition.named("onnx.Gemm", "alpha * a' * b' + beta * c, where ' transposes if asked to.")
          .operand("a").operand("b").optional("c")
          .attribute("alpha", Attribute.Real.class, Attribute.of(1.0))
          .attribute("beta", Attribute.Real.class, Attribute.of(1.0))
          .attribute("transA", Attribute.Int.class, Attribute.of(0))
          .attribute("transB", Attribute.Int.class, Attribute.of(0)).traits(Trait.PURE)
          .shape(op -> List.of(inferGemm(op)))
          .meaning((op, in) -> List.of(gemm(op, in))).build());

  private MatMulOps() {}

  private static Inferred inferCodes(Operation op) {
    for (int i = 0; i < 2; i++) {
      TensorType codes = op.operand(i).tensorType();
      TensorType zero = op.operand(i + 2) == null ? null : op.operand(i + 2).tensorType();
      if (codes.element() != ElementType.U8 && codes.element() != ElementType.I8 || zero != null && zero.element() != codes.element()) {
        throw op.broken("takes codes of u8 or i8 and zero points of their type, not " + codes.text()
            + (zero == null ? "" : " and " + zero.text()));
      }
      if (zero != null) {
        Broadcasting.requireFits(op, zero.shape(), codes.shape());
      }
    }
    return inferMatMul(op, ElementType.I32);
  }

  /** Codes without their zero point. */
  private static Tensor codes(List<EvalValue> in, int operand) {
    Tensor codes = ((Tensor) in.get(operand)).cast(ElementType.I32);
    if (in.size() <= operand + 2 || in.get(operand + 2) == null) {
      return codes;
    }
    Tensor zero = Broadcasting.stretch((Tensor) in.get(operand + 2), codes.shape());
    for (int i = 0; i < codes.size(); i++) {
      codes.setLong(i, codes.getLong(i) - zero.getLong(i));
    }
    return codes;
  }

  private static Inferred inferMatMul(Operation op, ElementType element) {
    List<Dim> a = new ArrayList<>(op.operand(0).tensorType().shape());
    List<Dim> b = new ArrayList<>(op.operand(1).tensorType().shape());
    if (a.isEmpty() || b.isEmpty()) {
      throw op.broken("a scalar has no matrix product");
    }
    boolean rowVector = a.size() == 1;
    boolean columnVector = b.size() == 1;
    if (rowVector) {
      a.add(0, Dim.of(1));
    }
    if (columnVector) {
      b.add(Dim.of(1));
    }
    Dim k = a.get(a.size() - 1);
    Dim l = b.get(b.size() - 2);
    if (k.isKnown() && l.isKnown() && !k.equals(l)) {
      throw op.broken(op.operand(0).type().text() + " times " + op.operand(1).type().text());
    }
    List<Dim> out = Broadcasting.shape(op, a.subList(0, a.size() - 2), b.subList(0, b.size() - 2));
    if (!rowVector) {
      out.add(a.get(a.size() - 2));
    }
    if (!columnVector) {
      out.add(b.get(b.size() - 1));
    }
    return Inferred.of(new TensorType(element, out));
  }

  private static Tensor matMul(Operation op, Tensor left, Tensor right) {
    Tensor a = left.rank() == 1 ? left.reshaped(1, left.dim(0)) : left;
    Tensor b = right.rank() == 1 ? right.reshaped(right.dim(0), 1) : right;
    int m = (int) a.dim(-2);
    int k = (int) a.dim(-1);
    int n = (int) b.dim(-1);
    if (b.dim(-2) != k) {
      throw op.broken(Arrays.toString(left.shape()) + " times " + Arrays.toString(right.shape()));
    }
    long[] batchA = Arrays.copyOf(a.shape(), a.rank() - 2);
    long[] batchB = Arrays.copyOf(b.shape(), b.rank() - 2);
    long[] batch = Broadcasting.shape(op, batchA, batchB);
    int[] fromA = Broadcasting.indices(batchA, batch);
    int[] fromB = Broadcasting.indices(batchB, batch);
    long[] shape = Arrays.copyOf(batch, batch.length + 2);
    shape[batch.length] = m;
    shape[batch.length + 1] = n;
    Tensor out = new Tensor(a.element(), shape);
    for (int i = 0; i < fromA.length; i++) {
      multiply(a, fromA[i] * m * k, b, fromB[i] * k * n, out, i * m * n, m, k, n);
    }
    List<Long> dims = new ArrayList<>(Arrays.stream(shape).boxed().toList());
    if (right.rank() == 1) {
      dims.remove(dims.size() - 1);
    }
    if (left.rank() == 1) {
      dims.remove(dims.size() - (right.rank() == 1 ? 1 : 2));
    }
    return out.reshaped(dims.stream().mapToLong(Long::longValue).toArray());
  }

  private static void multiply(Tensor a, int atA, Tensor b, int atB, Tensor out, int atOut, int m, int k, int n) {
    if (!a.element().isFloat()) {
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          long sum = 0;
          for (int l = 0; l < k; l++) {
            sum += a.getLong(atA + i * k + l) * b.getLong(atB + l * n + j);
          }
          out.setLong(atOut + i * n + j, sum);
        }
      }
      return;
    }
    double[] row = new double[n];
    boolean narrow = a.element() != ElementType.F64;
    float[] fast = narrow ? b.floats() : null;
    for (int i = 0; i < m; i++) {
      Arrays.fill(row, 0);
      for (int l = 0; l < k; l++) {
        double x = a.get(atA + i * k + l);
        int at = atB + l * n;
        for (int j = 0; j < n; j++) {
          row[j] += x * (narrow ? fast[at + j] : b.get(at + j));
        }
      }
      for (int j = 0; j < n; j++) {
        out.set(atOut + i * n + j, row[j]);
      }
    }
  }

  private static Inferred inferGemm(Operation op) {
    ElementType element = Elementwise.sameElement(op);
    TensorType a = op.operand(0).tensorType();
    TensorType b = op.operand(1).tensorType();
    if (a.rank() != 2 || b.rank() != 2) {
      throw op.broken(a.text() + " times " + b.text() + ", both must be matrices");
    }
    boolean ta = op.intAttribute("transA") != 0;
    boolean tb = op.intAttribute("transB") != 0;
    Dim k = a.dim(ta ? 0 : 1);
    Dim l = b.dim(tb ? 1 : 0);
    if (k.isKnown() && l.isKnown() && !k.equals(l)) {
      throw op.broken(a.text() + " times " + b.text());
    }
    List<Dim> out = List.of(a.dim(ta ? 1 : 0), b.dim(tb ? 0 : 1));
    if (op.operand(2) != null) {
      Broadcasting.requireFits(op, op.operand(2).tensorType().shape(), out);
    }
    return Inferred.of(new TensorType(element, out));
  }

  private static Tensor gemm(Operation op, List<EvalValue> in) {
    Tensor a = (Tensor) in.get(0);
    Tensor b = (Tensor) in.get(1);
    Tensor c = in.size() > 2 ? (Tensor) in.get(2) : null;
    boolean ta = op.intAttribute("transA") != 0;
    boolean tb = op.intAttribute("transB") != 0;
    int m = (int) a.dim(ta ? 1 : 0);
    int k = (int) a.dim(ta ? 0 : 1);
    int n = (int) b.dim(tb ? 0 : 1);
    if (b.dim(tb ? 1 : 0) != k) {
      throw op.broken(Arrays.toString(a.shape()) + " times " + Arrays.toString(b.shape()));
    }
    double alpha = (float) op.realAttribute("alpha");
    double beta = (float) op.realAttribute("beta");
    Tensor out = new Tensor(a.element(), m, n);
    int[] fromC = c == null ? null : Broadcasting.indices(c.shape(), out.shape());
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) {
          sum += a.get(ta ? l * m + i : i * k + l) * b.get(tb ? j * k + l : l * n + j);
        }
        out.set(i * n + j, alpha * sum + (c == null ? 0 : beta * c.get(fromC[i * n + j])));
      }
    }
    return out;
  }
}
