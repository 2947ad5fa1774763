package dev.catena.tools;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.DefaultActivations;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.LinearCandidates;
import dev.catena.codegen.cuda.LinearCase;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.ir.Module;
import dev.catena.passes.DefaultPipeline;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Makes a {@link TunePack} from models' shapes; needs NVRTC and no GPU. */
final class TunePackMaker {
  private static final int GROUP = 128;
  private static final int MOST_ROWS = 256;
  /** So many times what the fastest takes, predicted: the model may miss by a fifth, and slower ones would cost compiling and a card's time. */
  private static final double WORTH_MEASURING = 1.25;

  private final CudaTarget target;
  private final int configurations;
  private final boolean ptx;
  private final NvrtcCompiler compiler;

  /**
   * @param configurations of each kernel, at most
   * @param ptx            whether the simulator is to run the pack, too
   * @param compiler       which keeps what it compiled, if making is to go on after the process was ended
   */
  TunePackMaker(CudaTarget target, int configurations, boolean ptx, NvrtcCompiler compiler) {
    this.target = target;
    this.configurations = configurations;
    this.ptx = ptx;
    this.compiler = compiler;
  }

  /** A case that was compiled. @param ptx null where none is wanted */
  private record Made(LinearCandidates.Compiled compiled, CandidateForecast forecast, byte[] ptx) {}

  /** @param rows of the steps whose kernels are wanted, those first that are to be measured first; so with bits */
  TunePack make(List<ModelShape> shapes, List<Integer> weightBits, List<Integer> rows) throws IOException {
    Map<String, LinearCase> cases = new LinkedHashMap<>();
    for (int count : rows) {      // what matters most first: where time is short the last ones are left out
      for (int bits : weightBits) {
        for (ModelShape shape : shapes) {
          LinearCase.of(launches(shape, bits), count).forEach(each -> cases.putIfAbsent(each.kernel(), each));
        }
      }
    }
    Map<String, byte[]> code = new LinkedHashMap<>();
    List<TunePack.Case> packed = new ArrayList<>();
    List<Made> made = compile(List.copyOf(cases.values()));
    for (int i = 0; i < made.size(); i++) {
      String name = "code/" + i;
      code.put(name + ".cubin", made.get(i).compiled.cubin());
      if (ptx) {
        code.put(name + ".ptx", made.get(i).ptx);
      }
      packed.add(packed(made.get(i), name));
    }
    return new TunePack(target.name(), packed, code);
  }

  /** Stages of one layer: all layers have the same; with what a GPU multiplies in where nobody chose. */
  private static List<List<Launch>> launches(ModelShape shape, int bits) {
    Module module = ShapeModel.of(shape.withLayers(1));
    Pipeline.parse(DefaultPipeline.afterRaising(new DefaultPipeline.Settings(DefaultPipeline.WeightStorage.of(bits, GROUP).withScales("range"),
        16, 16, MOST_ROWS, shape.positions()))).run(module, new PassContext());
    return DefaultActivations.onGpu(module.stages().stream().map(stage -> StageLaunches.of(stage, LinearLaunch.Activations.F32).launches()).toList());
  }

  private List<Made> compile(List<LinearCase> cases) throws IOException {
    ExecutorService workers = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try (Console.Progress progress = Console.progress("compiling kernels for " + target.name(), cases.size(), "", 1)) {
      List<Future<Made>> started = cases.stream().map(each -> workers.submit(() -> compile(each))).toList();
      List<Made> done = new ArrayList<>();
      for (Future<Made> each : started) {
        done.add(CodeGeneration.result(each));
        progress.step(1);
      }
      return done;
    } finally {
      workers.shutdownNow();
    }
  }

  private Made compile(LinearCase of) throws IOException {
    CandidateForecast forecast = new CandidateForecast(of, target, compiler);
    LinearCandidates candidates = LinearCandidates.of(of, chosen(of, forecast));
    return new Made(candidates.compile(target, compiler), forecast, ptx ? candidates.ptx(target, compiler) : null);
  }

  /** What is taken untuned, so that this is measured whatever the time, then those that the model finds fastest, each code once. */
  private List<LinearConfiguration> chosen(LinearCase of, CandidateForecast forecast) {
    List<LinearConfiguration> fastestFirst = of.configurations(target).stream().sorted(Comparator.comparingDouble(forecast::seconds)).toList();
    double most = WORTH_MEASURING * forecast.seconds(fastestFirst.get(0));
    List<LinearConfiguration> chosen = new ArrayList<>(List.of(untuned(of)));
    for (LinearConfiguration each : fastestFirst) {
      if (chosen.size() < configurations && forecast.seconds(each) <= most && each.leavesRegisters(of.linear(), of.rows())
          && chosen.stream().noneMatch(before -> each.becomesTheCodeOf(before, of.linear(), of.rows()))) {
        chosen.add(each);
      }
    }
    return chosen;
  }

  private LinearConfiguration untuned(LinearCase of) {
    return of.untuned(PredictedKernels.cards(target, Optional.empty()));
  }

  private TunePack.Case packed(Made made, String name) {
    LinearCase of = made.compiled.of();
    LinearLaunch linear = of.linear();
    long residualAt = linear.residual().map(view -> ((Buffer.Arena) view.buffer()).offset()).orElse(-1L);
    List<TunePack.Candidate> candidates = made.compiled.candidates().stream().map(c -> new TunePack.Candidate(c.configuration().text(),
        c.launches().stream().map(CandidateForecast::program).toList(), made.forecast.work(c, made.compiled.facts()))).toList();
    return new TunePack.Case(of.kernel(), of.rows(), TunePack.Matrix.of(linear.type()), of.norm().map(RmsNormLaunch::epsilon).orElse(null),
        linear.bias().isPresent(), residualAt, of.swiglu(), of.arenaBytes(), of.scratchBytes(), untuned(of).text(), name + ".cubin",
        ptx ? name + ".ptx" : null, candidates);
  }
}
