package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.architecture.ArchitectureModel.Cache;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.oracle.CompiledModel;
import dev.catena.tests.oracle.LogitsAssert;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A rotation that is scaled for a longer context is what the graph computes, also beyond the original one. */
class RopeScalingTest {
  private static final int[] IDS = new Random(3).ints(2 * RopeScaling.ORIGINAL + 6, 0, ArchitectureModel.VOCABULARY).toArray();

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"DYNAMIC_NTK", "LONGROPE"})
  void beyondTheOriginalContext(RopeScaling scaling) {
    Cache cache = scaling.ordinal() % 3 == 0 ? Cache.NONE : Cache.CARRIED_ON;
    Path file = ArchitectureModel.write(folder, scaling, cache);
    float[][] expected = ArchitectureTest.judge(file, Architecture.QWEN2, cache, IDS);
    Path artifact = folder.resolve("model.catena");
    CommandResult compiled = CatenaCommand.run("compile", file, "-o", artifact, "--wbits", 32, "--max-seq-len",
        ArchitectureModel.POSITIONS).succeeded();
    assertFalse(compiled.err().contains("decoder_"), compiled.err());
    try (CompiledModel model = new CompiledModel(artifact)) {
      List<float[]> rows = new ArrayList<>(Arrays.asList(model.feed(Arrays.copyOf(IDS, IDS.length - 3))));
      for (int i = IDS.length - 3; i < IDS.length; i++) {
        rows.addAll(Arrays.asList(model.feed(IDS[i])));
      }
      LogitsAssert.assertClose(expected, rows.toArray(float[][]::new), 1e-4, scaling.toString());
    }
  }

  /** Keys turned before would have to be turned again: refused in one line that names the node and says what to do. */
  @ParameterizedTest
  @EnumSource(names = {"DYNAMIC_NTK", "LONGROPE"})
  void whatDependsOnTheLengthIsRefused(RopeScaling scaling) {
    Path file = ArchitectureModel.write(folder, scaling, Cache.CARRIED_ON);
    CommandResult result = CatenaCommand.run("compile", file, "-o", folder.resolve("model.catena"), "--max-seq-len",
        ArchitectureModel.POSITIONS);
    assertEquals(2, result.status(), result.err());
    assertEquals(1, result.err().lines().count(), result.err());
    assertTrue(result.err().contains("node '/") && result.err().contains("sequence") && result.err().contains("rope_scaling"),
        result.err());
  }
}
