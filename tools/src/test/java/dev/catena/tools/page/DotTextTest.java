package dev.catena.tools.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Graphviz itself reads what is written for it. */
class DotTextTest {
  private static JsonNode graph(String cir) throws Exception {
    Process process;
    try {
      process = new ProcessBuilder("dot", "-Tdot_json").redirectError(ProcessBuilder.Redirect.INHERIT).start();
    } catch (IOException e) {
      System.err.println("SKIPPED: no Graphviz on this machine (Debian: apt-get install graphviz)");
      assumeTrue(false, "no Graphviz on this machine");
      throw new UncheckedIOException(e);
    }
    process.getOutputStream().write(
        DotText.of(CirReader.parse(cir, "test", WeightFiles.NONE).stages().get(0)).getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().close();
    String json = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor());
    return new ObjectMapper().readTree(json);
  }

  @Test
  void graphvizFindsBoxesAndLines() throws Exception {
    JsonNode graph = graph("""
        module @m {
          weight @s.w : tensor<f32, [4, 4]> = file("x", 0, tensor<f32, [4, 4]>)
          stage @s(%x: tensor<f32, [?n, 4]>) -> (y: tensor<f32, [?n, 4]>) {
            %c = onnx.Constant {value = dense<f32, [], [2.0]>} : tensor<f32, []>
            %a = nn.linear %x, @s.w : tensor<f32, [?n, 4]>
            %b = onnx.Pow %a, %c : tensor<f32, [?n, 4]>
            %d = nn.add %b, %a : tensor<f32, [?n, 4]>
            return %d
          }
        }
        """);
    List<String> labels = new ArrayList<>();
    graph.get("objects").forEach(o -> labels.add(o.get("label").textValue()));
    assertEquals(List.of("x\\nf32 [?n, 4]", "nn.linear\\n@w f32 [4, 4]", "onnx.Pow\\nb = 2.0", "nn.add", "y\\nf32 [?n, 4]"),
        labels);
    List<String> lines = new ArrayList<>();
    graph.get("edges").forEach(e -> lines.add(e.get("tail") + "→" + e.get("head")));
    lines.sort(null);
    assertEquals(List.of("0→1", "1→2", "1→3", "2→3", "3→4"), lines);
  }

  @Test
  void namesOfAModelStayText() throws Exception {
    String name = "\"]; evil [label=\\\"x\\\"] \\\\N \\\\";
    JsonNode graph = graph("""
        module @m {
          weight @"NAME" : tensor<f32, [4]> = file("x", 0, tensor<f32, [4]>)
          stage @"NAME"(%x: tensor<f32, [4]>) -> ("NAME": tensor<f32, [4]>) {
            %y = onnx.Add %x, @"NAME" : tensor<f32, [4]>
            return %y
          }
        }
        """.replace("NAME", name.replace("\\", "\\\\").replace("\"", "\\\"")));
    assertEquals(3, graph.get("objects").size());
    assertTrue(graph.get("name").textValue().contains("evil"), graph.get("name").textValue());
  }
}
