package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.ArtifactWriter;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A kernel that is wrong, in an otherwise whole artifact: {@code run --device sim:0} says in one line what and where. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FaultReportTest {
  @TempDir static Path folder;

  private Path artifact;

  @BeforeAll
  void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(2, 1, 8, 24, 105, 1, 64), ExportStyle.F32, 5);
    artifact = folder.resolve("model.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 32, "--target", "sm_86", "--step-rows", 2).succeeded();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    // The kernel that chooses a token; it runs because the device samples.
    "sample_v105 | st\\.global\\.u32\\s+\\[(%rd\\d+)\\] | st.global.u32 [$1+4096] | access out of bounds",
    // What of a missing barrier is met first is for the order to say in which the simulator runs warps.
    "rms_norm_c16 | bar\\.sync\\s+0; | | '(data race|read of memory never written)'",
    "rms_norm_c16 | ld\\.global\\.f32\\s+(%f\\d+), \\[(%rd\\d+)\\] | ld.global.f32 $1, [$2+2] | misaligned access"})
  void isOneLine(String kernel, String instruction, String planted, String expected) {
    Path wrong = plant(kernel, instruction, planted == null ? "" : planted);
    // On two threads the host would choose which of two blocks meets a bug first.
    CommandResult result = CatenaCommand.run("run", wrong, "--ids", "1,2,3", "--max-tokens", 2, "--device", "sim:0", "--threads", 1, "--print-ids");
    assertEquals(1, result.status(), result.err());
    String[] lines = result.err().strip().split("\n");
    String report = lines[lines.length - 1];
    assertTrue(report.matches("catena: " + expected + " in " + kernel + " at model.cu:.*"), result.err());
    assertTrue(report.matches(".*, block \\d+, thread \\d+, .*"), report);
    assertTrue(lines[0].contains("slow"), "the line that says how slow sim is: " + result.err());
    assertTrue(!result.err().contains("\tat "), result.err());
  }

  private Path plant(String kernel, String instruction, String planted) {
    Path wrong = folder.resolve("wrong.catena");
    try (ArtifactReader reader = ArtifactReader.open(artifact); ArtifactWriter writer = ArtifactWriter.create(wrong)) {
      for (String name : reader.names()) {
        byte[] bytes = reader.bytes(name);
        if (name.endsWith(".ptx")) {
          String ptx = new String(bytes, StandardCharsets.UTF_8);
          int start = ptx.indexOf(".entry " + kernel + "(");
          int end = ptx.indexOf("\n}\n", start);
          assertTrue(start > 0 && end > 0, "no " + kernel);
          String changed = ptx.substring(0, start) + ptx.substring(start, end).replaceAll(instruction, planted) + ptx.substring(end);
          assertTrue(!changed.equals(ptx), "nothing to plant in " + kernel);
          bytes = changed.getBytes(StandardCharsets.UTF_8);
        }
        if (!name.equals("manifest.json")) {
          writer.entry(name, bytes);
        }
      }
      writer.commit(reader.manifest());
    }
    return wrong;
  }
}
