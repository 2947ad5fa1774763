package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.StageLaunches;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.ir.Module;
import dev.catena.sim.timing.Card;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An artifact's kernels for a GPU, generated anew the other way: with what no GPU has run yet ({@code compile --experimental}) where it is
 * without, and without where it is with; untuned. They are predicted, not run.
 *
 * @param manifest the artifact's, with these kernels in the place of the target's
 */
record OtherKernels(Manifest manifest, Manifest.Target target, byte[] ptx) {
  /** Whether the architecture has more than one way. */
  static boolean has(Manifest.Target target) {
    return CudaTarget.parse(target.name()).overlapsLaunches();
  }

  static boolean isExperimental(Manifest manifest) {
    return manifest.settings().containsKey(CompileSettings.EXPERIMENTAL);
  }

  /** @param planned the module after the last pass; no weight is read */
  static OtherKernels of(Manifest manifest, Module planned, Manifest.Target target) {
    Optional<CompileSettings.Activations> chosen = CompileSettings.Activations.chosenIn(manifest.settings());
    LinearLaunch.Activations activations = chosen.orElse(CompileSettings.Activations.F32).ofLaunches();
    List<StageLaunches> stages = planned.stages().stream().map(stage -> StageLaunches.of(stage, activations)).toList();
    TargetCode code;
    try {
      code = new CodeGeneration(stages, chosen.isEmpty(), Map.of(), Optional.empty(), !isExperimental(manifest)).of(List.of(CudaTarget.parse(target.name()))).get(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Manifest.Target other = code.manifest();
    List<Manifest.Stage> its = new ArrayList<>();
    for (int i = 0; i < manifest.stages().size(); i++) {
      Manifest.Stage stage = manifest.stages().get(i);
      Map<String, Manifest.Code> codes = new LinkedHashMap<>(stage.code());
      codes.put(other.name(), code.codeOf(i));
      its.add(new Manifest.Stage(stage.name(), stage.role(), stage.input(), stage.output(), stage.kv(), codes, stage.weights()));
    }
    return new OtherKernels(new Manifest(manifest.format(), manifest.compiler(), manifest.model(), manifest.settings(),
        manifest.targets().stream().map(each -> each.name().equals(other.name()) ? other : each).toList(), its, manifest.memory(), manifest.operations(),
        manifest.entries()), other, code.entries().get(other.ptx()));
  }

  Forecast forecast(int context, List<Integer> batches, List<Card> cards) {
    return Forecast.of(manifest, target, ptx, context, batches, cards);
  }
}
