package dev.catena.tools;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.QuantizedRowSource;
import dev.catena.codegen.RowSource;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.StageWeight;
import dev.catena.codegen.TablePacker;
import dev.catena.ir.CodedMatrix;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import dev.catena.ir.WeightData;
import dev.catena.tools.page.TypeText;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The weights of all stages as entries of the artifact: each once, in the layout that its reader wants. Of a model that was made
 * from its shape alone matrices are samples: a few rows, which the runtime repeats (docs/artifact-format.md).
 */
final class StageWeights {
  private static final long LARGEST_SAMPLE = 64 << 10;

  /** Entry names by weight and use: a table that is also the head is stored once for each of its layouts. */
  private final Map<StageWeight, String> entries = new HashMap<>();
  private final Set<StageWeight> written = new HashSet<>();
  private final boolean sampled;
  /** Entries of samples by how the matrix is stored. */
  private final Map<Sample, String> samples = new LinkedHashMap<>();
  private final Set<Sample> writtenSamples = new HashSet<>();
  private long totalBytes;
  private long bytesPerToken;

  /** @param type of the matrix, with the sample's rows */
  private record Sample(StageWeight.Use use, MatrixType type, String name) {}

  StageWeights(List<StageLaunches> stages) {
    this(stages, false);
  }

  /** @param sampled whether samples stand for matrices */
  StageWeights(List<StageLaunches> stages, boolean sampled) {
    this.sampled = sampled;
    Set<String> names = new HashSet<>();
    for (StageLaunches stage : stages) {
      for (StageWeight w : stage.weights()) {
        if (!entries.containsKey(w)) {
          String entry = entryName(stage.stage().name(), w.weight().name(), names);
          entries.put(w, sampled ? samples.computeIfAbsent(sample(w), s -> "weights/sample_" + samples.size())
              + Manifest.Weight.SAMPLE_OF + entry : entry);
          totalBytes += bytes(w);
          bytesPerToken += w.use() == StageWeight.Use.LINEAR ? bytes(w) : 0;
        }
      }
    }
  }

  private static String entryName(String stage, String weight, Set<String> taken) {
    String name = weight.startsWith(stage + ".") ? weight.substring(stage.length() + 1) : weight;
    String entry = "weights/" + stage + "/" + name.replaceAll("[^A-Za-z0-9_.-]", "_");
    String free = entry;
    for (int i = 1; !taken.add(free); i++) {
      free = entry + "_" + i;
    }
    return free;
  }

  /** As many whole blocks of rows as a sample may take, one at least. Tables of positions are told apart by their names. */
  private static Sample sample(StageWeight w) {
    MatrixType t = w.type();
    int block = MatrixLayout.BLOCK_ROWS;
    long blocks = Math.max(1, LARGEST_SAMPLE / bytes(new StageWeight(w.weight(), w.use(), t.withRows(block))));
    return new Sample(w.use(), t.withRows((int) Math.min(t.rows(), blocks * block)),
        w.use() == StageWeight.Use.DENSE && t.rows() > 1 ? w.weight().name() : "");
  }

  /** Bytes of all weights as packed. */
  long totalBytes() {
    return totalBytes;
  }

  /** Bytes of matrices that one decode step reads in full. */
  long bytesPerToken() {
    return bytesPerToken;
  }

  long bytesOf(StageLaunches stage) {
    return stage.weights().stream().mapToLong(StageWeights::bytes).sum();
  }

  /** Bytes of the distinct weights that a stage's operations refer to, as imported. */
  static long importedBytes(Stage stage) {
    Set<Weight> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    long bytes = 0;
    for (Operation op : stage.operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.weight() != null && seen.add(v.weight())) {
          bytes += Math.min(TypeText.bytes(v.type()), Long.MAX_VALUE - bytes);   // a hostile text may state any size
        }
      }
    }
    return bytes;
  }

  List<Manifest.Weight> manifestOf(StageLaunches stage) {
    return stage.weights().stream().map(w -> new Manifest.Weight(w.weight().name(), entries.get(w), bytes(w),
        w.weight().type().text(), layout(w))).toList();
  }

  static long bytes(StageWeight w) {
    return switch (w.use()) {
      case LINEAR -> LinearPacker.packedBytes(w.type());
      case EMBEDDING, DENSE -> TablePacker.packedBytes(w.type());
    };
  }

  private static String layout(StageWeight w) {
    return w.use() == StageWeight.Use.LINEAR ? LinearPacker.layoutName(w.type()) : TablePacker.layoutName(w.type());
  }

  /** Streams the stage's weights that no stage before it has written. */
  void write(StageLaunches stage, ArtifactWriter writer, Console.Progress progress) {
    for (StageWeight w : stage.weights()) {
      if (written.add(w)) {
        if (!sampled) {
          writer.entry(entries.get(w), out -> pack(w, out));
        } else if (writtenSamples.add(sample(w))) {
          writer.entry(samples.get(sample(w)), out -> pack(new StageWeight(w.weight(), w.use(), sample(w).type()), out));
        }
        progress.step(bytes(w));
      }
    }
  }

  static void pack(StageWeight w, WritableByteChannel out) throws IOException {
    boolean linear = w.use() == StageWeight.Use.LINEAR;
    if (w.weight().data() instanceof CodedMatrix q) {
      QuantizedRowSource source = new QuantizedRows(q, w.type());
      if (linear) {
        LinearPacker.pack(source, out);
      } else {
        TablePacker.pack(source, out);
      }
      return;
    }
    RowSource source = new DenseRows(w.weight().data(), w.type());
    if (linear) {
      LinearPacker.pack(w.type(), source, out);
    } else {
      TablePacker.pack(w.type(), source, out);
    }
  }

  private record QuantizedRows(CodedMatrix weight, MatrixType type) implements QuantizedRowSource {
    @Override
    public void read(int firstRow, int rowCount, byte[] codes, float[] scales, byte[] zeros) {
      weight.readCodes(firstRow, rowCount, codes, scales, zeros);
    }
  }

  /** A matrix, or a vector as a matrix of one row. */
  private record DenseRows(WeightData data, MatrixType type) implements RowSource {
    @Override
    public int rows() {
      return type.rows();
    }

    @Override
    public int columns() {
      return type.columns();
    }

    @Override
    public void read(int firstRow, int rowCount, float[] destination) {
      if (data.tensorType().rank() == 1) {
        data.read(new long[] {0}, new long[] {type.columns()}, destination, 0);
      } else {
        data.read(new long[] {firstRow, 0}, new long[] {rowCount, type.columns()}, destination, 0);
      }
    }
  }
}
