package dev.catena.tests.model;

/** Element types of ONNX that the generated models use, by their number in onnx.proto. */
public enum OnnxElement {
  F32(1, 4), U8(2, 1), I8(3, 1), I32(6, 4), I64(7, 8), BOOL(9, 1), F16(10, 2), F64(11, 8), BF16(16, 2), U4(21, 1), I4(22, 1);

  final int number;
  final int bytes;

  OnnxElement(int number, int bytes) {
    this.number = number;
    this.bytes = bytes;
  }
}
