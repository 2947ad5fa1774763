package dev.catena.tests.model;

import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.ir.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file that holds one TensorProto, as the data of ONNX's backend tests do. */
public final class TensorProtoFile {
  private TensorProtoFile() {}

  public static void write(Path file, Tensor tensor) {
    ProtoMessage proto = new ProtoMessage();
    for (long dim : tensor.shape()) {
      proto.number(1, dim);
    }
    proto.number(2, OnnxElement.valueOf(tensor.element().name()).number).bytes(9, TensorBytes.of(tensor));
    try {
      Files.write(file, proto.toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
