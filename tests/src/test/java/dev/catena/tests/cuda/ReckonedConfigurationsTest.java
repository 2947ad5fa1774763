package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.KernelProgram;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.CardRates;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.KernelLaunch;
import dev.catena.codegen.cuda.LinearCandidates;
import dev.catena.codegen.cuda.LinearCase;
import dev.catena.codegen.cuda.LinearConfiguration;
import dev.catena.codegen.cuda.NvrtcCompiler;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.LaunchWork;
import dev.catena.sim.timing.PredictedTime;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the compiler makes a linear layer of few rows with, by a rule of thumb: usual, with split columns, deep rings or slim blocks; against the simulator's model of the very kernels. */
class ReckonedConfigurationsTest {
  private static final int COLUMNS = 4096;
  private static final int REGISTERS = 128;
  /** By how much of the whole kernel's time the choice may miss the best one. */
  private static final double MISSED = 0.06;

  @ParameterizedTest
  @CsvSource({"A100-80GB, 4, 4096, 16, BF16, split", "H100, 4, 6144, 16, BF16, split", "RTX 3090, 4, 4096, 16, F32, split", "L4, 4, 4096, 1, BF16, usual",
      "H200, 4, 4096, 1, BF16, deep", "H200, 4, 12288, 1, BF16, slim"})
  void isTheModelsChoice(String cardName, int bits, int outputs, int rows, Activations activations, String how) throws IOException {
    Card card = Card.named(cardName).orElseThrow();
    CudaTarget target = CudaTarget.parse("sm_" + card.capability());
    LinearCase layer = LinearCase.of(List.of(List.of(new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), COLUMNS),
        View.of(new Buffer.StageOutput(), outputs), MatrixType.quantized(outputs, COLUMNS, bits, 128, false), new Buffer.Weight(LinearCase.MATRIX), Optional.empty(),
        Optional.empty(), activations))), rows).get(0);
    LinearConfiguration chosen = layer.untuned(List.of(new CardRates(card.multiprocessors(), card.clock(), card.memory().readBytesPerSecond(), card.rates().matrixMultiplyAdds(),
        card.memory().bytesUnderWay(), PredictedTime.JOIN * card.latencySeconds())));
    assertEquals(how, chosen.splits() > 1 ? "split" : chosen.equals(layer.standard()) ? "usual" : chosen.warps() == 8 ? "deep" : "slim", chosen.text());
    Map<Integer, LinearConfiguration> bySplits = new LinkedHashMap<>();
    List.of(chosen, layer.standard()).forEach(c -> bySplits.put(c.splits(), c));
    layer.configurations(target).stream().filter(c -> c.kind() == chosen.kind()).forEach(c -> bySplits.putIfAbsent(c.splits(), c));
    LinearCandidates candidates = LinearCandidates.of(layer, Stream.concat(Stream.of(chosen), bySplits.values().stream()).distinct().toList());
    Map<LinearConfiguration, Double> seconds = new LinkedHashMap<>();
    String ptx = new String(candidates.ptx(target, new NvrtcCompiler(CodeStore.none())), StandardCharsets.UTF_8);
    try (LaunchWork work = new LaunchWork(target.capability(), ptx, rows, Map.of("input", 4L * rows * COLUMNS, "output", 4L * rows * outputs, "scratch", layer.scratchBytes(),
        "weight:" + LinearCase.MATRIX, new MatrixLayout(layer.linear().type()).bytes()))) {
      for (LinearCandidates.Candidate candidate : candidates.candidates()) {
        KernelLaunch launch = candidate.launches().get(0);
        seconds.put(candidate.configuration(), LaunchWork.seconds(List.of(work.of(new KernelProgram.Launch(launch.kernel(), launch.grid(), launch.block(),
            launch.sharedBytes(), launch.arguments()), new KernelProgram.Kernel(launch.kernel(), REGISTERS, 0, 0))), card));
      }
    }
    double best = seconds.values().stream().mapToDouble(s -> s).min().orElseThrow();
    assertTrue(seconds.get(chosen) <= best * (1 + MISSED), chosen.text() + " of " + seconds);
  }
}
