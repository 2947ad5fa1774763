package dev.catena.tools.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.ir.Module;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ModelPageTest {
  private static final Pattern DATA = Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>",
      Pattern.DOTALL);

  private static JsonNode data(String html) throws Exception {
    Matcher m = DATA.matcher(html);
    assertTrue(m.find());
    return new ObjectMapper().readTree(m.group(1));
  }

  /** A chain of layers whose weights, files and values have names of their own; {@code odd} has one operation more. */
  private static Module layers(int count, int operations, int odd) {
    StringBuilder s = new StringBuilder("module @deep {\n");
    for (int i = 0; i < count; i++) {
      s.append("weight @w").append(i * 31).append(" : tensor<f32, [4]> = file(\"f").append(i).append("\", 0, tensor<f32, [4]>)\n");
    }
    for (int i = 0; i < count; i++) {
      s.append("stage @layer_").append(i).append("(%in").append(i).append(": tensor<f32, [4]>) -> (out: tensor<f32, [4]>) {arg.x = \"in")
          .append(i).append("\", source = \"f").append(i).append("\"} {\n%v0 = nn.add %in").append(i).append(", @w").append(i * 31)
          .append(" : tensor<f32, [4]>\n");
      int last = operations + (i == odd ? 1 : 0);
      for (int k = 1; k <= last; k++) {
        s.append("%v").append(k).append(" = nn.silu %v").append(k - 1).append(" : tensor<f32, [4]>\n");
      }
      s.append("return %v").append(last).append("\n}\n");
    }
    return CirReader.parse(s.append("}\n").toString(), "test", WeightFiles.NONE);
  }

  @Test
  void equalLayersAreInThePageOnce() throws Exception {
    String html = new ModelPage("deep", "test").steps(List.of(Step.of("00-a", layers(32, 160, -1)),
        Step.of("01-b", layers(32, 160, -1)), Step.of("02-c", layers(32, 40, -1)))).html();
    JsonNode page = data(html);
    assertEquals(2, page.get("graphs").size(), "of two steps with equal text the graph is one");
    assertEquals(1, page.get("steps").get(0).get("chain").size());
    assertEquals(32, page.get("steps").get(0).get("chain").get(0).get("count").intValue());
    assertEquals(32 * 161, page.get("steps").get(1).get("counts").get("nn.silu").intValue()
        + page.get("steps").get(1).get("counts").get("nn.add").intValue());
    assertTrue(html.length() < 300_000, html.length() + " characters");
  }

  @Test
  void layerThatDiffersAtOneStepStandsByItself() throws Exception {
    JsonNode page = data(new ModelPage("deep", "test").steps(List.of(Step.of("00-a", layers(8, 3, -1)),
        Step.of("01-b", layers(8, 3, 4)))).html());
    JsonNode chain = page.get("steps").get(0).get("chain");
    assertEquals(3, chain.size());
    assertEquals("layer_4", chain.get(1).get("first").textValue());
    assertEquals(chain.get(0).get("group"), chain.get(2).get("group"));
    assertFalse(chain.get(0).get("group").equals(chain.get(1).get("group")));
  }

  @Test
  void stageTooLargeToReadHasNoGraph() throws Exception {
    JsonNode view = data(new ModelPage("deep", "test").steps(List.of(Step.of("00-a", layers(1, 2000, -1)))).html())
        .get("steps").get(0).get("views").get(0);
    assertTrue(view.get("graph").isNull());
    assertEquals(2000 + 5, view.get("text").size());
  }

  @Test
  void stepThatCannotBeReadSaysWhy() throws Exception {
    JsonNode steps = data(new ModelPage("deep", "test").steps(List.of(Step.of("00-a", layers(1, 1, -1)),
        Step.broken("01-b", "too old"), Step.of("02-c", layers(1, 2, -1)))).html()).get("steps");
    assertEquals("too old", steps.get(1).get("problem").textValue());
    assertTrue(steps.get(2).get("views").get(0).has("diff"), "the next one is compared with the last that could be read");
  }

  @Test
  void pageRefersToNothingOutsideIt() {
    String html = new ModelPage("deep", "test").steps(List.of(Step.of("00-a", layers(1, 1, -1)))).html();
    assertFalse(Pattern.compile("\\b(src|action|data)\\s*=\\s*[\"']|@import|url\\((?!#)|href=").matcher(html).find());
    assertEquals(List.of("http://www.w3.org/2000/svg"),
        Pattern.compile("https?://[^\"'` ]+").matcher(html).results().map(r -> r.group()).distinct().toList());
    assertTrue(html.contains("default-src 'none'"));
  }
}
