package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Target;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.tools.CompileSettings.Activations;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What an artifact says that its linear layers multiply in, and what is read from that again. */
class CompileSettingsTest {
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "32 | cpu:x86-64-v3 sm_86 | f32, f16 for matrices of 16 bits and less on sm_86",
    "4  | cpu:x86-64-v3       | f32, bf16 for quantized matrices on cpu:x86-64-v3",
    "16 | cpu:x86-64-v3 sm_86 | f32, f16 for matrices of 16 bits and less on sm_86",
    "4  | cpu:x86-64-v3 sm_86 | f32, bf16 for quantized matrices on cpu:x86-64-v3, f16 for matrices of 16 bits and less on sm_86",
    "4  | sm_75 sm_90         | f32, f16 for matrices of 16 bits and less on sm_75 and sm_90"})
  void eachTargetHasADefault(int bits, String targets, String said) {
    Map<String, String> described = described(bits, targets, Optional.empty());
    assertEquals(said, described.get("activations"));
    assertEquals(Optional.empty(), Activations.chosenIn(described), "nobody chose");
  }

  @ParameterizedTest
  @EnumSource(Activations.class)
  void whatWasAskedForIsFoundAgain(Activations asked) {
    assertEquals(Optional.of(asked), Activations.chosenIn(described(4, "cpu:x86-64-v3 sm_86", Optional.of(asked))));
  }

  @Test
  void artifactsThatSayNothingHaveDefaults() {
    assertEquals(Optional.empty(), Activations.chosenIn(Map.of()));
  }

  private static Map<String, String> described(int bits, String targets, Optional<Activations> activations) {
    List<Target> parsed = Arrays.stream(targets.split(" "))
        .<Target>map(name -> name.startsWith("sm_") ? CudaTarget.parse(name) : CpuTarget.parse(name)).toList();
    return new CompileSettings(Path.of("model"), Path.of("model.catena"), parsed, bits, 128, false, Math.max(16, bits), Math.max(8, bits), true, 16, 16,
        activations, Optional.empty(), 0, Optional.empty(), new PipelineOptions(), 256, Quantization.roundToNearest(), Map.of(), Optional.empty(), false)
        .described(64, Math.max(16, bits));
  }
}
