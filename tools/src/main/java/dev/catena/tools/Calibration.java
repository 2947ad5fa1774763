package dev.catena.tools;

import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cpu.StageFacts;
import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Hashes;
import dev.catena.ir.MappedFile;
import dev.catena.ir.WeightData;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.runtime.Devices;
import dev.catena.runtime.cpu.PieceRunner;
import dev.catena.runtime.text.ModelConfig;
import dev.catena.runtime.text.TextTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Quantizes a model's decoders on a text, piece by piece in the order in which they run: what enters a piece comes from the
 * quantized pieces before it, and one piece's weights are in memory at a time, once. Activations lie in files. All
 * of it is kept in a folder beside the artifact until that is written; an interrupted compilation goes on from there when it
 * is given again with equal settings.
 */
final class Calibration implements AutoCloseable {
  /** A matrix is marked where it loses this many times the median. */
  private static final double WORST = 2;
  private static final String LOCK = "lock";

  private final CompileSettings settings;
  private final Path folder;
  private FileChannel lock;
  private final Map<String, WeightData> weights = new LinkedHashMap<>();
  /** Codes by the stage that they are of. */
  private final Map<String, MappedFile> codes = new LinkedHashMap<>();
  private final List<PieceCalibration.MatrixError> errors = new ArrayList<>();

  private Calibration(CompileSettings settings) {
    this.settings = settings;
    folder = settings.output().resolveSibling(settings.output().getFileName() + ".calibration");
  }

  /** Calibrates. @throws UserError where the text can't be used */
  static Calibration run(CompileSettings settings, ModelConfig config, byte[] tokenizer) throws IOException {
    Calibration calibration = new Calibration(settings);
    boolean done = false;
    try (ImportedModel imported = OnnxImporter.importModel(settings.input())) {
      // Everything in f32, and every intermediate result where it can be looked at.
      String pipeline = DefaultPipeline.text(new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(32, 0).withScales("range"), 32, 32,
          settings.maxRows(), ModelFacts.positions(settings.maxSeqLen(), config))).replace("plan{", "plan{reuse=false ");
      Pipeline.parse(pipeline).run(imported.module(), new PassContext(), false, (n, pass, module) -> { });
      ModelFacts facts = ModelFacts.of(imported.module(), config, settings.maxSeqLen());
      calibration.run(imported, calibration.text(facts, tokenizer));
      done = true;
      return calibration;
    } finally {
      if (!done) {
        calibration.close();
      }
    }
  }

  private CalibrationText text(ModelFacts facts, byte[] tokenizer) throws IOException {
    Quantization q = settings.quantization();
    Path file = q.text().orElseThrow();
    int length = Math.min(q.sampleLength(), facts.maxSeqLen());
    int[] ids;
    try (TextTokenizer t = TextTokenizer.of(tokenizer, "tokenizer.json")) {
      ids = t.encode(Files.readString(file));
    } catch (java.nio.charset.CharacterCodingException e) {
      throw new UserError("--calib " + file + ": is not in UTF-8");
    }
    if (ids.length == 0) {
      throw new UserError("--calib " + file + ": has no tokens");
    }
    CalibrationText text = CalibrationText.of(ids, facts.bos(), q.samples(), length);
    if (text.samples().size() < q.samples() || text.longest() < q.sampleLength()) {
      Console.note("calibrating on " + text.samples().size() + " samples of " + text.longest() + " tokens (asked for: "
          + q.samples() + " of " + q.sampleLength() + "; the context has " + facts.maxSeqLen() + " positions, the text "
          + ids.length + " tokens)");
    }
    return text;
  }

  private void run(ImportedModel imported, CalibrationText text) throws IOException {
    List<StageLaunches> stages = imported.module().stages().stream()
        .map(s -> StageLaunches.of(s, LinearLaunch.Activations.F32)).toList();
    List<StageLaunches> pieces = stages.stream().filter(s -> "decoder".equals(s.stage().textAttribute("role"))).toList();
    StageLaunches embed = stages.get(0);
    List<StageLaunches> run = Stream.concat(Stream.of(embed), pieces.stream()).toList();
    prepareFolder(key(run, text));
    CpuTarget target = CpuTarget.host();
    CpuLibrary library;
    try {
      library = CpuLibrary.build(run.stream().map(StageLaunches::launches).toList(), target, CachedFiles.store("cpu"));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while code was generated", e);
    }
    int first = 0;
    for (int p = pieces.size(); p > 0; p--) { // the last one whose results are whole
      if (Files.exists(hidden(p))) {
        first = p;
        Console.note("going on after " + pieces.get(p - 1).stage().name() + ", calibrated before with equal settings");
        break;
      }
    }
    if (first == 0) {
      embed(embed, library, library.stages().get(0), text, hidden(0));
    }
    imported.filesOf(embed.stage()).forEach(MappedFile::unmap);
    long start = System.nanoTime();
    for (int p = 0; p < pieces.size(); p++) {
      PieceCalibration piece = new PieceCalibration(pieces.get(p), settings.quantization(), settings);
      String stage = pieces.get(p).stage().name();
      if (p >= first) {
        calibrate(piece, pieces.get(p), library, library.stages().get(p + 1), text, p);
        double seconds = (System.nanoTime() - start) / 1e9;
        Console.note(String.format(Locale.ROOT, "calibrated %s, %d of %d, in %.0f s; %.0f s left", stage,
            p + 1, pieces.size(), seconds, seconds / (p - first + 1) * (pieces.size() - p - 1)));
      }
      MappedFile file = new MappedFile(codesOf(stage), codesOf(stage).getFileName().toString());
      codes.put(stage, file);
      weights.putAll(piece.saved(file));
      file.unmap();
      imported.filesOf(pieces.get(p).stage()).forEach(MappedFile::unmap);
    }
  }

  /** What results depend on, besides this program. */
  private String key(List<StageLaunches> stages, CalibrationText text) {
    List<String> parts = new ArrayList<>(List.of(Version.COMPILER, settings.quantization().method().name(),
        settings.quantization().scales(), settings.quantization().keep(), Integer.toString(settings.weightBits()),
        Integer.toString(settings.groupSize()), Boolean.toString(settings.symmetric()), CpuTarget.host().name()));
    text.samples().forEach(s -> parts.add(Arrays.toString(s)));
    for (StageLaunches stage : stages) {
      stage.weights().forEach(w -> parts.add(w.weight().data().hash()));
    }
    return Hashes.of(parts.toArray(String[]::new));
  }

  private void prepareFolder(String key) throws IOException {
    Files.createDirectories(folder);
    lock();
    Path settingsFile = folder.resolve("settings");
    if (Files.exists(settingsFile) && Files.readString(settingsFile).equals(key)) {
      return;
    }
    deleteFiles();
    Files.writeString(settingsFile, key);
  }

  /** Two compilations to one artifact would write the same files. The lock ends with this process, however that ends. */
  private void lock() throws IOException {
    lock = FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean locked;
    try {
      locked = lock.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      locked = false;
    }
    if (!locked) {
      throw new UserError(folder + ": another compilation is calibrating there; let it end, or name another artifact with -o");
    }
  }

  private PieceRunner runner(StageLaunches stage, CpuLibrary library, StageFacts facts, CalibrationText text) {
    return new PieceRunner(library.library(), Devices.list().get(0).cores(), new PieceRunner.Needs(facts.symbol(),
        facts.arenaBytes(), facts.scratchBytes(), stage.kv().map(kv -> kv.pageBytes()).orElse(0L), text.longest(),
        stage.maxRows(), 4L * Math.max(stage.inputWidth(), stage.outputWidth()), PieceCalibration.weightBytes(stage)));
  }

  private void embed(StageLaunches stage, CpuLibrary library, StageFacts facts, CalibrationText text, Path into)
      throws IOException {
    Path partial = folder.resolve("hidden.partial");
    try (PieceRunner runner = runner(stage, library, facts, text); FileChannel out = create(partial)) {
      PieceCalibration.load(stage, runner);
      for (int[] sample : text.samples()) {
        for (int at = 0; at < sample.length; at += stage.maxRows()) {
          int rows = Math.min(stage.maxRows(), sample.length - at);
          runner.run(Arrays.copyOfRange(sample, at, at + rows), rows, at);
          write(out, runner.output(4 * rows * stage.outputWidth()));
        }
      }
    }
    Files.move(partial, into, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Calibrates piece {@code p} and writes what enters the next one: from the quantized piece, and from the original. */
  private void calibrate(PieceCalibration piece, StageLaunches stage, CpuLibrary library, StageFacts facts, CalibrationText text,
      int p) throws IOException {
    boolean compares = PieceCalibration.comparesToOriginal(settings.quantization());
    Path from = hidden(p);
    Path fromOriginal = p == 0 ? from : original(p); // nothing is quantized yet before the first one
    Path partial = folder.resolve("hidden.partial");
    Path partialOriginal = folder.resolve("original.partial");
    try (PieceRunner runner = runner(stage, library, facts, text);
        LayerInputs originals = compares ? new LayerInputs(folder, piece.quantizedLayers()) : null;
        FileChannel in = FileChannel.open(from); FileChannel out = create(partial)) {
      PieceCalibration.load(stage, runner);
      if (compares) {
        record(piece, runner, stage, text, fromOriginal, partialOriginal, originals);
      }
      PieceCalibration.Feed feed = sink -> feed(text, stage.maxRows(), (rows, at, first) -> {
        run(runner, stage, in, rows, at, first);
        sink.accept(rows);
      });
      errors.addAll(piece.quantize(runner, originals, feed));
      piece.save(codesOf(stage.stage().name()));
      feed.run(rows -> write(out, runner.output(4 * rows * stage.outputWidth())));
    }
    if (compares) {
      Files.move(partialOriginal, original(p + 1), StandardCopyOption.ATOMIC_MOVE);
    }
    Files.move(partial, hidden(p + 1), StandardCopyOption.ATOMIC_MOVE); // from here on the piece counts as done
    Files.delete(from);
    Files.deleteIfExists(fromOriginal);
  }

  /** Runs the original piece, which the runner holds, once: what enters its layers, and what it gives. */
  private static void record(PieceCalibration piece, PieceRunner runner, StageLaunches stage, CalibrationText text, Path from,
      Path to, LayerInputs originals) throws IOException {
    try (FileChannel in = FileChannel.open(from); FileChannel out = create(to)) {
      piece.record(runner, sink -> feed(text, stage.maxRows(), (rows, at, first) -> {
        run(runner, stage, in, rows, at, first);
        write(out, runner.output(4 * rows * stage.outputWidth()));
        sink.accept(rows);
      }), originals);
    }
  }

  private Path codesOf(String stage) {
    return folder.resolve(stage + ".codes");
  }

  /** What enters piece {@code p}. */
  private Path hidden(int p) {
    return folder.resolve("hidden-" + p + ".f32");
  }

  private Path original(int p) {
    return folder.resolve("original-" + p + ".f32");
  }

  /** Some rows of a sample. */
  @FunctionalInterface
  private interface Step {
    /**
     * Does it.
     *
     * @param at    position of the first row in its sample
     * @param first row of all samples' rows
     */
    void run(int rows, int at, long first) throws IOException;
  }

  private static void feed(CalibrationText text, int maxRows, Step step) throws IOException {
    long first = 0;
    for (int[] sample : text.samples()) {
      for (int at = 0; at < sample.length; at += maxRows) {
        int rows = Math.min(maxRows, sample.length - at);
        step.run(rows, at, first);
        first += rows;
      }
    }
  }

  private static void run(PieceRunner runner, StageLaunches stage, FileChannel in, int rows, int at, long first)
      throws IOException {
    ByteBuffer input = runner.input(4 * rows * stage.inputWidth()).order(ByteOrder.LITTLE_ENDIAN);
    long offset = 4 * first * stage.inputWidth();
    while (input.hasRemaining()) {
      int read = in.read(input, offset);
      if (read < 0) {
        throw new IOException("the activations of the piece before " + stage.stage().name() + " are incomplete; delete the "
            + "folder .calibration beside the artifact");
      }
      offset += read;
    }
    runner.run(null, rows, at);
  }

  private static FileChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
  }

  private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** What {@code quantize} is to take, by the weights' names. */
  Map<String, WeightData> weights() {
    return weights;
  }

  /** Gives back the memory of a stage's codes; they are mapped again when they are read again. */
  void unmap(String stage) {
    MappedFile file = codes.get(stage);
    if (file != null) {
      file.unmap();
    }
  }

  /** A table of the matrices that this run quantized, the worst marked; empty where none was. */
  String table() {
    if (errors.isEmpty()) {
      return "";
    }
    double[] sorted = errors.stream().mapToDouble(PieceCalibration.MatrixError::after).sorted().toArray();
    double median = sorted[sorted.length / 2];
    TextTable table = new TextTable("matrix", "codes", "error by range", "calibrated", "");
    errors.forEach(e -> table.row(e.name(), e.type(), String.format(Locale.ROOT, "%.4f", e.before()),
        String.format(Locale.ROOT, "%.4f", e.after()), e.after() > WORST * median ? "worst" : ""));
    return table.text();
  }

  /** Deletes what was kept: the artifact holds it now. */
  void delete() throws IOException {
    if (Files.isDirectory(folder)) {
      deleteFiles();
      Files.deleteIfExists(folder.resolve(LOCK));
      Files.delete(folder);
    }
  }

  /** All but the lock. */
  private void deleteFiles() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      for (Path file : all.filter(f -> !f.endsWith(LOCK)).toList()) {
        Files.delete(file);
      }
    }
  }

  @Override
  public void close() {
    try {
      for (MappedFile file : codes.values()) {
        file.close();
      }
      if (lock != null) {
        lock.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
