package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Artifacts for GPUs, made on a machine without one. */
class CudaArtifactTest {
  @TempDir static Path folder;
  private static Path artifact;

  @BeforeAll
  static void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(4, 2, 20, 172, 105, 3, 40), ExportStyle.F16, 29);
    artifact = folder.resolve("m.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--target", "sm_75,sm_90,cpu", "--wbits", 4,
        "--group-size", 32).succeeded();
  }

  @Test
  void oneCopyOfTheWeightsServesAllTargets() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      Manifest m = reader.manifest();
      assertEquals(List.of("sm_75", "sm_90"), m.targetNames().subList(0, 2));
      Set<String> used = m.stages().stream().flatMap(s -> s.weights().stream()).map(Manifest.Weight::entry)
          .collect(Collectors.toSet());
      Set<String> stored = reader.names().stream().filter(n -> n.startsWith("weights/")).collect(Collectors.toSet());
      assertEquals(used, stored);
      assertEquals(Set.of("code/compute_75/model.ptx", "code/compute_80/model.ptx"),
          reader.names().stream().filter(n -> n.endsWith(".ptx")).collect(Collectors.toSet()));
      assertEquals("code/compute_75/model.ptx", m.target("sm_75").ptx());
      assertEquals("code/compute_80/model.ptx", m.target("sm_90").ptx());
    }
  }

  @Test
  void equalDecodersShareTheirProgram() {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      List<String> symbols = reader.manifest().stages().stream().filter(s -> s.role().equals("decoder"))
          .map(s -> s.code().get("sm_90").symbol()).toList();
      assertEquals(3, symbols.size());
      assertEquals(1, Set.copyOf(symbols).size());
    }
  }

  @Test
  void driversOlderThanTheCompilerTakeThePtx() throws IOException {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      for (String name : List.of("sm_75", "sm_80", "sm_90", "sm_120")) {   // one of each generation
        CudaTarget target = CudaTarget.parse(name);
        byte[] ptx = reader.bytes("code/" + target.ptxFamily() + "/model.ptx");
        Matcher version = Pattern.compile("(?m)^\\.version (.*)$").matcher(new String(ptx, StandardCharsets.UTF_8));
        assertTrue(version.find());
        assertEquals("7.0", version.group(1));
        assertEquals("", JitLink.complaint(ptx, target.name()), target.name());
      }
    }
  }

  /** That the linker looks at the version at all. */
  @Test
  void aVersionBelowItsInstructionsIsRefused() throws IOException {
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      String ptx = new String(reader.bytes("code/compute_80/model.ptx"), StandardCharsets.UTF_8);
      String tooOld = ptx.replace(".version 7.0", ".version 6.3");
      assertNotEquals("", JitLink.complaint(tooOld.getBytes(StandardCharsets.UTF_8), "sm_80"));
    }
  }

  @Test
  void inspectListsKernelsWithTheirNeeds() throws IOException {
    JsonNode kernels = new ObjectMapper().readTree(CatenaCommand.run("inspect", artifact, "--json").succeeded().out())
        .required("kernels");
    int gpuKernels = 0;
    for (JsonNode k : kernels) {
      if (k.required("target").asText().startsWith("sm_")) {
        gpuKernels++;
        assertTrue(k.required("registers").asInt() > 0 && k.required("shared_bytes").isInt(), k.toString());
        assertEquals(0, k.required("spill_bytes").asInt(), k.toString());
        assertFalse(k.required("launches").isEmpty(), k.toString());
        assertFalse(k.required("stages").isEmpty(), k.toString());
      }
    }
    assertTrue(gpuKernels > 30, kernels.toString());
    String text = CatenaCommand.run("inspect", artifact, "--kernels").succeeded().out();
    assertTrue(text.contains("void linear_w4_g32_") && text.contains("target sm_75"), "the source is shown");
  }

  @Test
  void withoutCodeForACpuItDoesNotRunOnOne() {
    Path gpuOnly = folder.resolve("gpu.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", gpuOnly, "--target", "sm_86", "--wbits", 16, "--step-rows", 1).succeeded();
    CommandResult refused = CatenaCommand.run("run", gpuOnly, "--ids", "1,2", "--max-tokens", 1);
    assertEquals(2, refused.status());
    assertTrue(refused.err().contains("has code for sm_86 and none for a CPU"), refused.err());
  }
}
