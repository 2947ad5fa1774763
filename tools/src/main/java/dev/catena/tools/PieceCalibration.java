package dev.catena.tools;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.RowSource;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.StageWeight;
import dev.catena.codegen.TablePacker;
import dev.catena.codegen.View;
import dev.catena.ir.CodedWeight;
import dev.catena.ir.GroupFit;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import dev.catena.passes.QuantizePass;
import dev.catena.passes.quantization.Awq;
import dev.catena.passes.quantization.Gptq;
import dev.catena.runtime.cpu.PieceRunner;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * One piece under calibration: its linear layers in the order in which they run, each quantized on the inputs that the ones
 * before it, already quantized, give it. By gptq a layer aims at what the original one gives on the original model's inputs, which
 * were recorded before. The piece's weights are with the runner alone; here are one matrix's, and the codes found so far.
 */
final class PieceCalibration {
  private static final double DAMPING = 0.01;
  private static final int ROWS_AT_ONCE = 64;
  /** Errors are shares of a matrix's outputs, over so many of its rows at most. */
  private static final int ERROR_ROWS = 256;

  /** A linear layer. {@code type} is null where it isn't quantized here. */
  private static final class Layer implements RowSource {
    final String name;
    final Operation op;
    final LinearLaunch launch;
    final QuantType type;
    byte[] codes;
    float[] scales;
    byte[] zeros;

    Layer(String name, Operation op, LinearLaunch launch, QuantType type) {
      this.name = name;
      this.op = op;
      this.launch = launch;
      this.type = type;
    }

    /** The weights as they came, {@code [rows, columns]}. */
    float[] imported() {
      float[] all = new float[Math.multiplyExact(rows(), columns())];
      op.operand(1).weight().data().read(new long[2], new long[] {rows(), columns()}, all, 0);
      return all;
    }

    @Override
    public int rows() {
      return launch.type().rows();
    }

    @Override
    public int columns() {
      return launch.type().columns();
    }

    /** What the codes stand for. */
    @Override
    public void read(int firstRow, int rowCount, float[] destination) {
      int groups = Math.toIntExact(type.groups());
      for (int r = 0; r < rowCount; r++) {
        int row = firstRow + r;
        for (int c = 0; c < columns(); c++) {
          int g = row * groups + (int) (c / type.group());
          destination[r * columns() + c] = ((codes[row * columns() + c] & 0xff) - (zeros[g] & 0xff)) * scales[g];
        }
      }
    }
  }

  private final StageLaunches stage;
  private final Quantization settings;
  private final List<Layer> layers = new ArrayList<>();
  /** Norm weights and biases by their weight, as they are now. */
  private final Map<Weight, float[]> vectors = new LinkedHashMap<>();

  PieceCalibration(StageLaunches stage, Quantization settings, CompileSettings compile) {
    this.stage = stage;
    this.settings = settings;
    Map<String, Long> keep = QuantizePass.keep(settings.keep());
    List<LinearLaunch> launches = stage.launches().stream().filter(LinearLaunch.class::isInstance)
        .map(LinearLaunch.class::cast).toList();
    for (Operation op : stage.stage().operations()) {
      if (op.is("kernel.rms_norm")) {
        vector(op.operand(1).weight());
      } else if (op.is("kernel.linear")) {
        if (op.operand(2) != null) {
          vector(op.operand(2).weight());
        }
        Weight weight = op.operand(1).weight();
        String name = baseName(weight);
        LinearLaunch launch = launches.get(layers.size());
        long bits = keep.getOrDefault(name, (long) compile.weightBits());
        boolean here = bits < 16 && weight.type() instanceof TensorType && weight.value().uses().size() == 1;
        layers.add(new Layer(name, op, launch, here
            ? QuantizePass.type((TensorType) weight.type(), bits, compile.groupSize(), compile.symmetric()) : null));
      }
    }
  }

  private void vector(Weight weight) {
    vectors.computeIfAbsent(weight, w -> w.data().tensor().floats().clone());
  }

  /** A weight's name before it was cast to f32. */
  private static String baseName(Weight weight) {
    return weight.name().replaceFirst("\\.f32$", "");
  }

  /** Bytes of each of the stage's weights as the runner holds them. */
  static List<Long> weightBytes(StageLaunches stage) {
    return stage.weights().stream().map(w -> w.use() == StageWeight.Use.LINEAR ? LinearPacker.packedBytes(w.type())
        : TablePacker.packedBytes(w.type())).toList();
  }

  /** Puts all weights of a stage where the runner reads them, as imported. */
  static void load(StageLaunches stage, PieceRunner runner) throws IOException {
    for (int i = 0; i < stage.weights().size(); i++) {
      StageWeights.pack(stage.weights().get(i), channel(runner, i));
    }
  }

  private static WritableByteChannel channel(PieceRunner runner, int index) {
    return new WritableByteChannel() {
      private long at;

      @Override
      public int write(ByteBuffer from) {
        int bytes = from.remaining();
        runner.weight(index, at, bytes).put(from);
        at += bytes;
        return bytes;
      }

      @Override
      public boolean isOpen() {
        return true;
      }

      @Override
      public void close() {}
    };
  }

  private void reload(PieceRunner runner, Layer layer) throws IOException {
    LinearPacker.pack(layer.launch.type(), layer, channel(runner, layer.launch.weight().index()));
  }

  private void reload(PieceRunner runner, Weight vector) {
    for (int i = 0; i < stage.weights().size(); i++) {
      if (stage.weights().get(i).weight() == vector) {
        float[] values = vectors.get(vector);
        runner.weight(i, 0, 4 * values.length).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
      }
    }
  }

  /** Feeds all samples through the piece, calling {@code afterStep} with the rows of each step. */
  @FunctionalInterface
  interface Feed {
    void run(StepSink afterStep) throws IOException;
  }

  /** Looks at what a step left behind. */
  @FunctionalInterface
  interface StepSink {
    void accept(int rows) throws IOException;
  }

  /**
   * A line of the final table: errors are ‖ΔX‖ / ‖WX‖, by range and as calibrated, Δ being the distance to what the layer aims at.
   */
  record MatrixError(String name, String type, double before, double after) {}

  /** Whether a method asks what the original model gives its layers. */
  static boolean comparesToOriginal(Quantization settings) {
    return settings.method() == Quantization.Method.GPTQ;
  }

  private List<Layer> quantized() {
    return layers.stream().filter(l -> l.type != null).toList();
  }

  int quantizedLayers() {
    return quantized().size();
  }

  /**
   * Runs the piece as imported and keeps what enters each layer that will be quantized.
   *
   * @param feed of the original model's activations
   * @param into one file for each such layer, in their order
   */
  void record(PieceRunner runner, Feed feed, LayerInputs into) throws IOException {
    List<Layer> wanted = quantized();
    float[][] rows = new float[wanted.size()][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = new float[Math.multiplyExact(stage.maxRows(), wanted.get(i).columns())];
    }
    feed.run(count -> {
      for (int i = 0; i < rows.length; i++) {
        readView(runner, wanted.get(i).launch.x(), count, rows[i]);
        into.append(i, rows[i], count * wanted.get(i).columns());
      }
    });
  }

  /**
   * Quantizes the layers one after the other. The runner holds the piece as imported, and then the quantized one.
   *
   * @param original what {@link #record} kept; null unless the method compares to it
   */
  List<MatrixError> quantize(PieceRunner runner, LayerInputs original, Feed feed) throws IOException {
    List<MatrixError> errors = new ArrayList<>();
    List<Layer> wanted = quantized();
    for (int i = 0; i < wanted.size(); i++) {
      Layer layer = wanted.get(i);
      InputStatistics statistics = statistics(runner, layer, feed, original == null ? null : original.reader(i));
      double[] hessian = statistics.hessian();
      float[] imported = layer.imported();
      float[] target = imported;
      float[] scaling = new float[layer.columns()];
      Arrays.fill(scaling, 1);
      layer.codes = new byte[imported.length];
      layer.scales = new float[Math.toIntExact(layer.rows() * layer.type.groups())];
      layer.zeros = new byte[layer.scales.length];
      if (settings.method() == Quantization.Method.GPTQ) {
        target = gptq(layer, imported, hessian, statistics.drift());
      } else {
        scaling = awq(layer, imported, hessian, statistics.magnitude(), runner);
      }
      reload(runner, layer);
      errors.add(error(layer, hessian, imported, target, scaling));
    }
    return errors;
  }

  private InputStatistics statistics(PieceRunner runner, Layer layer, Feed feed, LayerInputs.Reader original) throws IOException {
    InputStatistics statistics = new InputStatistics(layer.columns(), original != null);
    float[] rows = new float[Math.multiplyExact(stage.maxRows(), layer.columns())];
    float[] originalRows = original == null ? null : new float[rows.length];
    try (original) {
      feed.run(count -> {
        readView(runner, layer.launch.x(), count, rows);
        statistics.add(rows, count);
        if (original != null) {
          original.read(originalRows, count * layer.columns());
          statistics.addDrift(originalRows, rows, count);
        }
      });
    }
    return statistics;
  }

  /** Returns what the layer aimed at. */
  private float[] gptq(Layer layer, float[] imported, double[] hessian, double[] drift) {
    Gptq gptq = new Gptq(hessian, layer.type, GroupFit.Scales.valueOf(settings.scales().toUpperCase(java.util.Locale.ROOT)),
        true, DAMPING);
    float[] target = new float[imported.length];
    forBlocks(layer, (first, rows) -> {
      int at = first * layer.columns();
      float[] own = Arrays.copyOfRange(imported, at, at + rows * layer.columns());
      System.arraycopy(gptq.target(own, rows, drift), 0, target, at, own.length);
    });
    inBlocks(layer, target, gptq::readCodes);
    return target;
  }

  @FunctionalInterface
  private interface RowQuantizer {
    void quantize(float[] weights, int rows, byte[] codes, float[] scales, byte[] zeros);
  }

  @FunctionalInterface
  private interface RowBlock {
    void run(int firstRow, int rows);
  }

  private static void forBlocks(Layer layer, RowBlock block) {
    int blocks = (layer.rows() + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    IntStream.range(0, blocks).parallel().forEach(b -> {
      int first = b * ROWS_AT_ONCE;
      block.run(first, Math.min(ROWS_AT_ONCE, layer.rows() - first));
    });
  }

  private static void inBlocks(Layer layer, float[] weights, RowQuantizer quantizer) {
    int groups = Math.toIntExact(layer.type.groups());
    forBlocks(layer, (first, rows) -> {
      byte[] codes = new byte[rows * layer.columns()];
      float[] scales = new float[rows * groups];
      byte[] zeros = new byte[rows * groups];
      quantizer.quantize(Arrays.copyOfRange(weights, first * layer.columns(), (first + rows) * layer.columns()), rows, codes,
          scales, zeros);
      System.arraycopy(codes, 0, layer.codes, first * layer.columns(), codes.length);
      System.arraycopy(scales, 0, layer.scales, first * groups, scales.length);
      System.arraycopy(zeros, 0, layer.zeros, first * groups, zeros.length);
    });
  }

  /** Returns the scales of the inputs. */
  private float[] awq(Layer layer, float[] imported, double[] hessian, double[] magnitude, PieceRunner runner) throws IOException {
    Awq awq = new Awq(hessian, layer.type);
    float[] s = new float[layer.columns()];
    Arrays.fill(s, 1);
    float[] scaled = imported;
    InputScaling place = InputScaling.of(layer.op);
    if (place != null && (place.norm() != null || canBeScaled(place.linear()))) {
      s = awq.scales(imported, layer.rows(), magnitude, place.source());
      scaled = imported.clone();
      for (int i = 0; i < scaled.length; i++) {
        scaled[i] *= s[i % layer.columns()];
      }
      divide(place, s, runner);
    }
    float[] scaling = s;
    inBlocks(layer, scaled, (w, rows, codes, scales, zeros) -> awq.readCodes(w, rows, scaling, codes, scales, zeros));
    return s;
  }

  private boolean canBeScaled(Operation linear) {
    return layers.stream().anyMatch(l -> l.op == linear && l.codes != null);
  }

  /** What makes the inputs makes them smaller by {@code s}. */
  private void divide(InputScaling place, float[] s, PieceRunner runner) throws IOException {
    boolean[] done = new boolean[1 + Arrays.stream(place.source()).max().orElse(0)];
    if (place.norm() != null) {
      float[] weight = vectors.get(place.norm().operand(1).weight());
      for (int c = 0; c < s.length; c++) {
        weight[place.source()[c]] /= s[c];
      }
      reload(runner, place.norm().operand(1).weight());
      return;
    }
    Layer maker = layers.stream().filter(l -> l.op == place.linear()).findFirst().orElseThrow();
    int groups = Math.toIntExact(maker.type.groups());
    Weight bias = maker.op.operand(2) == null ? null : maker.op.operand(2).weight();
    for (int c = 0; c < s.length; c++) {
      int row = place.source()[c];
      if (!done[row]) {
        done[row] = true;
        for (int g = row * groups; g < (row + 1) * groups; g++) {
          maker.scales[g] = HalfFloat.round(maker.scales[g] / s[c], maker.type.scale());
        }
        if (bias != null) {
          vectors.get(bias)[row] /= s[c];
        }
      }
    }
    reload(runner, maker);
    if (bias != null) {
      reload(runner, bias);
    }
  }

  private static void readView(PieceRunner runner, View view, int rows, float[] into) {
    int bytes = 4 * ((rows - 1) * view.rowStride() + view.columns());
    ByteBuffer from;
    if (view.buffer() instanceof Buffer.Arena arena) {
      from = runner.arena(arena.offset() + view.byteOffset(), bytes);
    } else {
      from = runner.input(Math.toIntExact(view.byteOffset()) + bytes).position(Math.toIntExact(view.byteOffset())).slice();
    }
    java.nio.FloatBuffer floats = from.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    for (int r = 0; r < rows; r++) {
      floats.get(r * view.rowStride(), into, r * view.columns(), view.columns());
    }
  }

  private static MatrixError error(Layer layer, double[] hessian, float[] imported, float[] target, float[] scaling) {
    int columns = layer.columns();
    QuantizedWeight range = new QuantizedWeight(new LiteralWeight(Tensor.f32(imported, layer.rows(), columns)), layer.type,
        GroupFit.Scales.RANGE);
    int step = Math.max(1, layer.rows() / ERROR_ROWS);
    double[] sums = IntStream.iterate(0, r -> r < layer.rows(), r -> r + step).parallel().mapToObj(r -> {
      double[] w = new double[columns];
      double[] before = new double[columns];
      double[] after = new double[columns];
      float[] rounded = new float[columns];
      range.read(new long[] {r, 0}, new long[] {1, columns}, rounded, 0);
      float[] calibrated = new float[columns];
      layer.read(r, 1, calibrated);
      for (int c = 0; c < columns; c++) {
        w[c] = target[r * columns + c];
        before[c] = w[c] - rounded[c];
        after[c] = w[c] - (double) calibrated[c] / scaling[c];
      }
      return new double[] {energy(hessian, before), energy(hessian, after), energy(hessian, w)};
    }).reduce(new double[3], (a, b) -> new double[] {a[0] + b[0], a[1] + b[1], a[2] + b[2]});
    double all = Math.max(sums[2], Double.MIN_NORMAL);
    return new MatrixError(layer.name, layer.type.code().keyword(), Math.sqrt(sums[0] / all), Math.sqrt(sums[1] / all));
  }

  /** d H dᵀ. */
  private static double energy(double[] hessian, double[] d) {
    double sum = 0;
    for (int i = 0; i < d.length; i++) {
      double row = 0;
      for (int j = 0; j < i; j++) {
        row += hessian[i * d.length + j] * d[j];
      }
      sum += d[i] * (2 * row + hessian[i * d.length + i] * d[i]);
    }
    return Math.max(0, sum);
  }

  /** Writes what was found: matrices as {@link CodedWeight} reads them, then vectors as f32. */
  void save(Path file) throws IOException {
    try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE)) {
      for (Layer layer : layers) {
        if (layer.type != null) {
          write(out, ByteBuffer.wrap(layer.codes));
          write(out, littleEndian(layer.scales));
          write(out, ByteBuffer.wrap(layer.zeros));
        }
      }
      for (float[] vector : vectors.values()) {
        write(out, littleEndian(vector));
      }
    }
  }

  private static ByteBuffer littleEndian(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(4, values.length)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes;
  }

  private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** What a saved file holds, by the weights' names. */
  Map<String, WeightData> saved(MappedFile file) {
    Map<String, WeightData> found = new LinkedHashMap<>();
    long at = 0;
    for (Layer layer : layers) {
      if (layer.type != null) {
        found.put(layer.name, new CodedWeight(file, at, layer.type));
        at += CodedWeight.bytes(layer.type);
      }
    }
    for (Map.Entry<Weight, float[]> v : vectors.entrySet()) {
      float[] values = new float[v.getValue().length];
      file.bytes(at, 4 * values.length).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
      at += 4L * values.length;
      found.put(baseName(v.getKey()), new LiteralWeight(Tensor.f32(values, values.length)));
    }
    return found;
  }
}
