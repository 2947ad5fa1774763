package dev.catena.tools.page;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.tools.Catena;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of an artifact in a real browser, beside what {@code inspect} prints of the same file. */
class InspectPageTest {
  private static final Pattern OPERATION = Pattern.compile("^ +%.* = (?!onnx\\.Constant )[a-z]+\\.");

  @TempDir
  private static Path folder;

  private static Browser browser;
  private static Path page;
  private static String artifact;

  @BeforeAll
  static void open() throws Exception {
    Optional<Path> program = Browser.program();
    if (program.isEmpty()) {
      System.err.println("SKIPPED: no Chromium on this machine (Debian: apt-get install chromium)");
    }
    assumeTrue(program.isPresent(), "no Chromium on this machine");
    artifact = folder.resolve("tale.catena").toString();
    page = folder.resolve("tale.html");
    catena("compile", "../models/tale/split-fp16", "-o", artifact, "--target", "cpu:x86-64-v3,cpu:x86-64-v4");
    catena("inspect", artifact, "--html", page.toString());
    browser = new Browser(program.get(), 1400, 1000);
  }

  @AfterAll
  static void close() throws Exception {
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void load() throws Exception {
    browser.complaints().clear();
    browser.requests().clear();
    browser.open(page);
  }

  @AfterEach
  void isQuietAndAlone() {
    assertAll(() -> assertEquals(List.of(), browser.complaints()),
        () -> assertEquals(List.of(page.toUri().toString()), browser.requests()));
  }

  private static String catena(String... args) {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      assertEquals(0, Catena.run(args), String.join(" ", args));
    } finally {
      System.setOut(before);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  private static List<String> ir(String pass) {
    return catena("inspect", artifact, "--ir", pass).lines().toList();
  }

  private static List<String> passes() throws Exception {
    List<String> passes = new ArrayList<>();
    new ObjectMapper().readTree(catena("inspect", artifact, "--json")).get("passes").forEach(p -> passes.add(p.textValue()));
    return passes;
  }

  /** The lines of text in a part of the page, as they stand there. */
  private static List<String> lines(String within) {
    List<String> lines = new ArrayList<>();
    browser.evaluate("[...document.querySelectorAll('" + within + " .line .what')].map(e => e.textContent)")
        .forEach(line -> lines.add(line.textValue()));
    return lines;
  }

  @Test
  void equalDecodersAreOneCard() {
    assertEquals(4, browser.count(".stage"));
    String decoders = browser.text(".stage.many");
    assertTrue(decoders.startsWith("decoder_0 … 5× 6"), decoders);
    assertEquals("true", browser.evaluate("document.querySelector('.stage.many').getAttribute('aria-pressed')").textValue());
  }

  @Test
  void everyStepCountsTheOperationsOfItsModule() throws Exception {
    List<String> passes = passes();
    assertEquals(passes.size(), browser.count("[data-step]"));
    for (int i = 0; i < passes.size(); i++) {
      browser.click("[data-step='" + i + "']");
      long operations = ir(passes.get(i)).stream().filter(line -> OPERATION.matcher(line).find()).count();
      assertEquals(String.valueOf(operations), browser.text("[aria-current=step] .total"), passes.get(i));
    }
  }

  @Test
  void textIsTheStageAsItIsPrinted() throws Exception {
    browser.click("#tab-text");
    List<String> passes = passes();
    for (int i = 0; i < passes.size(); i++) {
      browser.click("[data-step='" + i + "']");
      List<String> shown = lines("#pane").stream().filter(line -> !line.startsWith("weight ")).toList();
      List<String> printed = ir(passes.get(i));
      int begin = 0;
      while (!printed.get(begin).startsWith("  stage @decoder_0(")) {
        begin++;
      }
      int end = printed.subList(begin, printed.size()).indexOf("  }") + begin + 1;
      assertEquals(printed.subList(begin, end).stream().map(line -> line.substring(2)).toList(), shown, passes.get(i));
    }
  }

  @Test
  void diffShowsWhatAPassDid() {
    int merge = browser.evaluate("[...document.querySelectorAll('.steps .name')].findIndex(e => e.textContent === 'merge')").intValue();
    browser.click("#tab-diff");
    browser.click("[data-step='" + merge + "']");
    assertEquals(5, marked("removed").stream().filter(line -> line.contains("= nn.linear ")).count(), "q, k, v, gate, up");
    assertEquals(2, marked("added").stream().filter(line -> line.contains("= nn.linear ")).count(), "qkv, gate and up");
    assertEquals(2, marked("added").stream().filter(line -> line.contains("= nn.split ")).count());
    browser.click("[data-step='1']");
    int rows = browser.count("#pane .line");
    browser.click("#pane .fold");
    assertTrue(browser.count("#pane .line") > rows, "unchanged lines unfold");
    browser.click("[data-step='0']");
    assertEquals("This is the first step: there is nothing before it.", browser.text("#pane"));
  }

  private static List<String> marked(String kind) {
    List<String> lines = new ArrayList<>();
    browser.evaluate("[...document.querySelectorAll('#pane .line." + kind + " .what')].map(e => e.textContent)")
        .forEach(line -> lines.add(line.textValue()));
    return lines;
  }

  @Test
  void keysGoThroughTheSteps() {
    browser.click("[data-step='2']");
    browser.key("ArrowDown");
    browser.key("ArrowDown");
    browser.key("ArrowUp");
    assertEquals("3", browser.evaluate("document.querySelector('[aria-current=step]').getAttribute('data-step')").textValue());
    assertEquals("3", browser.evaluate("document.activeElement.getAttribute('data-step')").textValue());
  }

  @Test
  void boxTellsWhatItReadsAndKeysGoToTheNext() {
    browser.click("#pane .node.computes");
    assertEquals("nn.past_attention", browser.text(".node-details h3"));
    String details = browser.text(".node-details");
    assertTrue(details.contains("%attn_mask") && details.contains("kv_heads = 2"), details);
    browser.key("ArrowDown");
    assertEquals("nn.linear", browser.text(".node-details h3"));
    details = browser.text(".node-details");
    assertTrue(details.contains("tensor<f32, [256, 256]> · 256 KiB"), details);
    assertTrue(details.matches("(?s).*comes from *ir/[0-9]+-merge\\.cir:[0-9]+"), details);
    assertEquals(1, browser.count(".node.picked"));
  }

  @Test
  void boxesLieApartAndHoldTheirText() throws Exception {
    for (int step = 0; step < passes().size(); step++) {
      browser.click("[data-step='" + step + "']");
      JsonNode wrong = browser.evaluate("""
          (() => {
            const boxes = [...document.querySelectorAll('#pane .node')].map(n => [n, n.querySelector('.box').getBBox()]);
            const wrong = [];
            boxes.forEach(([n, b], i) => {
              for (const t of n.querySelectorAll('text')) {
                const s = t.getBBox();
                if (s.x + s.width > b.x + b.width || s.y + s.height > b.y + b.height + 2) wrong.push('too long: ' + t.textContent);
              }
              for (const [o, c] of boxes.slice(i + 1)) {
                if (b.x < c.x + c.width && c.x < b.x + b.width && b.y < c.y + c.height && c.y < b.y + b.height) {
                  wrong.push(n.textContent + ' lies on ' + o.textContent);
                }
              }
            });
            return boxes.length ? wrong : ['there are no boxes'];
          })()""");
      assertEquals(0, wrong.size(), "step " + step + ": " + wrong);
    }
  }

  @Test
  void memoryTellsWhatABlockHolds() {
    browser.point("[data-range='1'] rect");
    String told = browser.text("#memory [role=status]");
    String planned = ir("plan").stream().filter(line -> line.contains("kernel.linear")).findFirst().orElseThrow();
    String offset = planned.replaceAll(".*\"arena ([0-9]+) [0-9]+\".*", "$1");
    assertTrue(told.startsWith("%linear ") && told.contains(" at " + offset + " "), told);
    browser.click("#memory [data-group]:nth-of-type(3)");
    assertTrue(browser.text("#memory .told").startsWith("norm: 2 launches"), browser.text("#memory .told"));
  }

  @Test
  void targetsHaveTabsWithTheirSource() throws Exception {
    JsonNode sources = new ObjectMapper().readTree(catena("inspect", artifact, "--kernels", "--json")).get("sources");
    assertEquals(2, browser.count("#kernels [data-source]"));
    for (int i = 1; i >= 0; i--) {
      browser.click("#kernels [data-source='" + i + "']");
      String target = browser.text("#kernels [aria-selected=true]");
      assertEquals(sources.get(target).textValue().lines().toList(), lines("#kernels"), target);
    }
    browser.click("#kernels tbody tr:nth-child(2) [data-kernel]");
    String shown = browser.text("#kernels .line.target");
    assertTrue(shown.contains("void " + browser.text("#kernels tbody tr:nth-child(2) [data-kernel]") + "("), shown);
    browser.click("#kernels [data-call^=linear_]");
    assertTrue(browser.text("#kernels .line.target").contains("linear_"), "a call leads to its function");
  }

  @Test
  void namesOfAModelStayText() throws Exception {
    String name = "</script><script>document.title='owned'</script><img src=http://127.0.0.1:9/ onerror=alert(1)>";
    Path cir = Files.writeString(folder.resolve("hostile.cir"), """
        module @"NAME {title}{program}" {
          weight @"w'\\u202etxt.exe" : tensor<f32, [4]> = file("&lt;'\\"</script>", 0, tensor<f32, [4]>)
          stage @"NAME"(%x: tensor<f32, [4]>) -> ("NAME": tensor<f32, [4]>) {role = "</script>", source = "NAME"} {
            %y = onnx.Add %x, @"w'\\u202etxt.exe" : tensor<f32, [4]>
            return %y
          }
        }
        """.replace("NAME", name.replace("\"", "\\\"")));
    Path hostile = folder.resolve("hostile.html");
    catena("inspect", cir.toString(), "--html", hostile.toString());
    browser.requests().clear();
    browser.open(hostile);
    assertEquals(name + " {title}{program} · Catena", browser.evaluate("document.title").textValue());
    assertEquals(name + " {title}{program}", browser.text("h1"));
    assertEquals(2, browser.count("script"));
    assertEquals(0, browser.count("img"));
    browser.click("#pane .node.weights");
    browser.click("#tab-text");
    String text = browser.text("body");
    assertTrue(text.contains("@w'\\u202etxt.exe"), "a character that turns text around is shown by its number");
    assertFalse(text.contains("\u202e"));
    assertEquals(List.of(hostile.toUri().toString()), browser.requests());
    browser.open(page);
    browser.requests().removeIf(hostile.toUri().toString()::equals);
  }

  @Test
  void pageMayRunNothingButItsOwnProgram() {
    assertTrue(browser.evaluate("""
        (() => {
          const s = document.createElement('script');
          s.textContent = 'window.ran = true';
          document.body.append(s);
          const i = new Image();
          i.src = 'http://127.0.0.1:9/';
          return window.ran === undefined;
        })()""").booleanValue());
    for (int i = 0; i < 100 && browser.complaints().size() < 2; i++) {
      browser.evaluate("1");
    }
    assertEquals(2, browser.complaints().stream().filter(c -> c.contains("Content Security Policy")).count(),
        browser.complaints().toString());
    browser.complaints().clear();
    browser.requests().removeIf("http://127.0.0.1:9/"::equals);   // announced, and refused before it is sent
  }
}
