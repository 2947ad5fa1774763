package dev.catena.ir.onnx;

import dev.catena.ir.Tensor;

/** A tensor seen along one axis: all the lines of elements that differ in that axis's index alone. */
record Rows(int outer, int length, int inner) {
  static Rows along(Tensor t, int axis) {
    return new Rows(Strides.count(t.shape(), 0, axis), (int) t.dim(axis), Strides.count(t.shape(), axis + 1, t.rank()));
  }

  int count() {
    return outer * inner;
  }

  /** The place of element {@code i} of row {@code row}. */
  int at(int row, int i) {
    return (row / inner * length + i) * inner + row % inner;
  }
}
