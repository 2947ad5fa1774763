package dev.catena.tools;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.tensor.TensorBytes;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.ir.ElementType;
import dev.catena.ir.FileWeight;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.TensorType;
import dev.catena.ir.WeightData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;

/** The weights of a graph of tensors, as its code reads them: streamed, a piece at a time. */
final class GraphWeights {
  private static final int PIECE = 1 << 20;

  private GraphWeights() {}

  /** Writes each weight as an entry. */
  static List<Manifest.Weight> write(TensorProgram program, ArtifactWriter writer) {
    List<Manifest.Weight> written = new ArrayList<>();
    for (int i = 0; i < program.weights().size(); i++) {
      TensorProgram.Weight weight = program.weights().get(i);
      String entry = "weights/graph/%d".formatted(i);
      writer.entry(entry, out -> write(weight.data(), out));
      TensorType type = weight.data().tensorType();
      written.add(new Manifest.Weight(weight.name(), entry, bytes(type), type.text(), "rows"));
    }
    return written;
  }

  private static long bytes(TensorType type) {
    return Math.multiplyExact(type.elements().value(), (long) TensorBytes.width(type.element()));
  }

  static void write(WeightData data, WritableByteChannel out) throws IOException {
    ElementType element = data.tensorType().element();
    if (data instanceof FileWeight file && element.bits() >= 8) {
      for (long at = 0; at < file.bytes(); at += PIECE) {
        out.write(file.file().bytes(file.offset() + at, (int) Math.min(PIECE, file.bytes() - at)));
      }
    } else if (element == ElementType.F32 || element == ElementType.F16 || element == ElementType.BF16) {
      writeReals(data, out);
    } else {
      out.write(ByteBuffer.wrap(TensorBytes.of(data.tensor())));
    }
  }

  /** Slice by slice of the first axis: a view of a weight is computed as it is read. */
  private static void writeReals(WeightData data, WritableByteChannel out) throws IOException {
    long[] shape = data.tensorType().staticShape();
    ElementType element = data.tensorType().element();
    long rows = shape.length == 0 ? 1 : shape[0];
    long width = data.tensorType().elements().value() / Math.max(1, rows);
    long atOnce = Math.max(1, Math.min(rows, PIECE / Math.max(1, width)));
    for (long row = 0; row < rows && width > 0; row += atOnce) {
      long[] start = new long[shape.length];
      long[] extent = shape.clone();
      long taken = Math.min(atOnce, rows - row);
      if (shape.length > 0) {
        start[0] = row;
        extent[0] = taken;
      }
      float[] values = new float[Math.toIntExact(taken * width)];
      data.read(start, extent, values, 0);
      ByteBuffer bytes = ByteBuffer.allocate(values.length * TensorBytes.width(element)).order(ByteOrder.LITTLE_ENDIAN);
      for (float v : values) {
        switch (element) {
          case F32 -> bytes.putFloat(v);
          case F16 -> bytes.putShort(HalfFloat.floatToF16(v));
          default -> bytes.putShort(HalfFloat.floatToBf16(v));
        }
      }
      out.write(bytes.flip());
    }
  }
}
