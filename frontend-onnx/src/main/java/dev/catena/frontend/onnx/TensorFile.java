package dev.catena.frontend.onnx;

import dev.catena.ir.Tensor;
import java.nio.file.Path;

/** A file that holds one TensorProto, as the data of ONNX's backend tests do: {@code test_data_set_0/input_0.pb}. */
public final class TensorFile {
  private TensorFile() {}

  /**
   * The tensor in a file.
   *
   * @throws OnnxException where the file holds no tensor, or one whose data don't fit its dimensions
   */
  public static Tensor read(Path file) {
    try (OpenFiles files = new OpenFiles()) {
      var mapped = files.model(file);
      return new TensorLoader(mapped, file, files).tensor(ModelReader.readTensor(mapped));
    }
  }
}
