package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code inspect} on a module in the text form, and what it writes beside its standard output. */
class InspectCirTest {
  private static final String TEXT = """
      module @m {
        weight @s.w : tensor<f32, [8, 4]> = file("x.onnx", 0, tensor<f32, [8, 4]>) sha256 %s
        stage @s(%%x: tensor<f32, [?tokens, 4]>) -> (y: tensor<f32, [?tokens, 8]>) {plan.arena_bytes = 1024, plan.rows = 16, role = "head"} {
          %%a = kernel.elementwise %%x {function = "silu", place = "arena 0 256"} : tensor<f32, [?tokens, 4]>
          %%b = kernel.elementwise %%a, %%x {function = "add", place = "arena 256 256"} : tensor<f32, [?tokens, 4]>
          %%v = kernel.view %%a {columns = 4, offset = 0} : tensor<f32, [?tokens, 4]>
          %%c = kernel.elementwise %%b, %%v {function = "add", place = "arena 512 256"} : tensor<f32, [?tokens, 4]>
          %%d = kernel.linear %%c, @s.w {place = "output"} : tensor<f32, [?tokens, 8]>
          return %%d
        }
      }
      """.formatted("0".repeat(64));

  @TempDir
  private Path folder;

  private Path file;

  @BeforeEach
  void write() throws Exception {
    file = Files.writeString(folder.resolve("m.cir"), TEXT);
  }

  private String out(String... options) {
    CommandRun run = CommandRun.of(Stream.concat(Stream.of("inspect", file.toString()), Stream.of(options))
        .toArray(String[]::new));
    assertEquals(0, run.status(), run.err());
    return run.out();
  }

  @Test
  void irIsTheTextItself() {
    assertEquals(TEXT, out("--ir"));
  }

  @Test
  void jsonHasStagesOperationsAndKernels() throws Exception {
    JsonNode json = new ObjectMapper().readTree(out("--json"));
    assertEquals("s", json.get("stages").get(0).get("name").textValue());
    assertEquals(8 * 4 * 4, json.get("stages").get(0).get("weights_bytes").intValue());
    assertEquals(3, json.get("operations").get("kernel.elementwise").intValue());
    assertTrue(json.get("kernels").isArray());
  }

  @Test
  void memoryIsThePlanOfEachStage() {
    List<String> lines = out("--memory").lines().toList();
    assertEquals("stage       s: arena of 1.00 KiB for steps of up to 16 rows", lines.get(0));
    assertEquals(List.of("0", "256", "1", "…", "3", "%a"), List.of(lines.get(2).strip().split(" +")),
        "a value lives until the last reader of its views");
    assertEquals(List.of("512", "256", "3", "…", "4", "%c"), List.of(lines.get(4).strip().split(" +")));
  }

  @Test
  void dotIsTheOnlyStage() {
    assertTrue(out("--dot").startsWith("digraph \"s\" {\n"));
    assertEquals(out("--dot"), out("--dot", "s"));
  }

  @Test
  void verifyChecksTheInvariants() throws Exception {
    assertTrue(out("--verify").contains("every invariant"));
    Files.writeString(file, TEXT.replace("%b, %v", "%d, %v"));
    CommandRun run = CommandRun.of("inspect", file.toString(), "--verify");
    assertEquals(2, run.status());
    assertEquals("", run.out());
    assertTrue(run.err().contains("m.cir:7:"), run.err());
  }

  @Test
  void sizesThatNoMachineHoldsAreShown() throws Exception {
    Files.writeString(file, """
        module @m {
          weight @w : tensor<f32, [9223372036854775807, 400]> = file("x", 0, tensor<f32, [9223372036854775807, 400]>)
          weight @v : tensor<f32, [?n]> = file("x", 0, tensor<f32, [?n]>)
          stage @s() -> (y: tensor<f32, [9223372036854775807, 400]>, z: tensor<f32, [?n]>) {
            %a = onnx.Identity @w : tensor<f32, [9223372036854775807, 400]>
            %b = onnx.Identity @v : tensor<f32, [?n]>
            return %a, %b
          }
        }
        """);
    assertTrue(out().contains("TiB"));
    assertTrue(out("--dot").contains("@v f32 [?n]"));
    out("--json");
    out("--html", folder.resolve("m.html").toString());
  }

  @Test
  void pageIsTheOnlyFileWrittenAndReplacesTheOneBefore() throws Exception {
    Path page = Files.writeString(folder.resolve("m.html"), "before");
    CommandRun run = CommandRun.of("inspect", file.toString(), "--html", page.toString());
    assertEquals(0, run.status(), run.err());
    assertEquals("", run.out(), "a page is the output");
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(Files.readString(page).startsWith("<!doctype html>"));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of("m.cir", "m.html"), files.map(f -> f.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void samePageForTheSameInput() throws Exception {
    Path first = folder.resolve("1.html");
    Path second = folder.resolve("2.html");
    out("--html", first.toString());
    out("--html", second.toString());
    assertEquals(-1, Files.mismatch(first, second));
    assertFalse(Files.readString(first).contains(folder.toString()), "no absolute paths");
  }
}
