package dev.catena.ir.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.IrException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a user reads who wrote a text that isn't a module. */
class CirMistakesTest {
  private static List<String> errors(String text) {
    return assertThrows(CirException.class, () -> CirReader.parse(text, "m.cir", WeightFiles.NONE)).errors();
  }

  @Test
  void manyMistakesAreReportedAtOnceEachAtItsPlace() throws IOException {
    List<String> errors = errors(Files.readString(Path.of("src/test/resources/text/ten_mistakes.cir")));
    List<String> expected = List.of(
        "m.cir:3:37: expected data of type tensor<f32, [4, 4]>, found tensor<f32, [4, 8]>",
        "m.cir:4:25: expected an element type (f64, f32, f16,",
        "m.cir:6:10: expected an operation, found nn.rmsnorm; did you mean nn.rms_norm?",
        "m.cir:7:24: expected a weight of this module, found @ww; did you mean @w?",
        "m.cir:8:21: expected a value that is defined before, found %bb; did you mean %b?",
        "m.cir:9:22: expected an attribute of nn.silu (it has none), found slope",
        "m.cir:10:39: expected a real number for attribute eps of nn.rms_norm, found \"small\"",
        "m.cir:11:24: expected '{', ':' or ',', found 'tensor'",
        "m.cir:12:5: expected a new name, found %f, which line 11 defines",
        "m.cir:13:46: expected tensor<f32, [4, ?n]>, which is what onnx.Transpose gives for these operands, "
            + "found tensor<f32, [?n, 4]>",
        "m.cir:14:45: expected 2 types, one for each result, found 1",
        "m.cir:15:10: expected operand up, which nn.swiglu needs, found none",
        "m.cir:16:25: expected 3 elements for the shape [3], found 2",
        "m.cir:17:10: nn.linear: rows of tensor<i64, [3]> don't fit a weight of tensor<f32, [4, 4]>",
        "m.cir:18:12: expected tensor<f32, [?n, 4]>, the type of output z, found %g : tensor<f32, [4, ?n]>");
    assertEquals(expected.size(), errors.size(), String.join("\n", errors));
    for (int i = 0; i < expected.size(); i++) {
      assertTrue(errors.get(i).startsWith(expected.get(i)), errors.get(i) + "\ninstead of\n" + expected.get(i));
    }
  }

  @Test
  void theCaretStandsBelowThePlace() {
    List<String> lines = errors("module @m {\n\tstage @s(%x: tensor<f32 [4]>) -> () { return }\n}").get(0).lines().toList();
    assertEquals(3, lines.size(), lines.toString());
    assertEquals("  \tstage @s(%x: tensor<f32 [4]>) -> () { return }", lines.get(1));
    assertEquals(lines.get(1).indexOf("[4]"), lines.get(2).indexOf('^'));
    assertTrue(lines.get(2).startsWith("  \t"), "tabs stay, so that the caret fits in any width of them");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "module @m { | m.cir:1:12: expected '}', a name, a dialect.name or a \"text\", found the end of the file",
      "module @m } | m.cir:1:11: expected '{', found '}'",
      "module @m { stage @s() -> () { return } stage @s() -> () { return } } | two stages are named @s",
      "module @m {a = \"x} | expected a closing \" in this line, found its end",
      "module @m {a = \"\\q\"} {} | expected one of the escapes",
      "module @m {a = 99999999999999999999} {} | expected a number that fits 64 bits, found 99999999999999999999",
      "module @m {a = 1, a = 2} {} | expected each attribute once, found a again",
      "module @m { $ } | expected a name, a number or a sign, found '$'",
      "module @m { weight @w : tensor<f32, [2]> = dense<u8, [1], [256]> } | 256",
      "module @m { weight @w : tensor<f32, [2]> = sum(random(1, tensor<f32, [2]>)) } | sum"})
  void oneMistake(String text, String expected) {
    List<String> errors = errors(text);
    assertTrue(errors.get(0).contains(expected), String.join("\n", errors));
  }

  static Stream<Arguments> textsOfNoModule() {
    String stage = "module @m { stage @s(%x: tensor<f32, [SIZES]>) -> () { return } }";
    return Stream.of(Arguments.of("\0".repeat(1_000_000), "found '\uFFFD'"),
        Arguments.of("module @m { " + "%".repeat(1_000_000), "expected a name, a number or a sign"),
        Arguments.of(stage.replace("SIZES", "?n" + "+?n".repeat(100_000)), "at most 1000 terms in a dimension"),
        Arguments.of(stage.replace("SIZES", "1" + ",1".repeat(100_000)), "at most 64 dimensions"),
        Arguments.of("module @m { weight @w : tensor<f32, [2]> = " + "cast(".repeat(100_000), "nested too deeply"),
        Arguments.of("module @m {\n" + "stage stage\n".repeat(100_000), "expected '=' or an @name, found 'stage'"));
  }

  @ParameterizedTest
  @MethodSource("textsOfNoModule")
  void whatIsNoModuleIsSaidSoon(String text, String expected) {
    IrException e = assertTimeout(Duration.ofSeconds(20),
        () -> assertThrows(IrException.class, () -> CirReader.parse(text, "m.cir", WeightFiles.NONE)));
    assertTrue(e.getMessage().contains(expected) && e.getMessage().length() < 20_000, () -> e.getMessage().substring(0, Math.min(300, e.getMessage().length())));
  }

  @Test
  void noBrokenTextBringsTheReaderDown() throws IOException {
    String whole = Files.readString(Path.of("src/test/resources/text/every_form.cir"));
    CirReader.parse(whole, "m.cir", WeightFiles.NONE);
    Random random = new Random(3);
    String signs = "{}[]()<>,:=%@?\"-.*1a\\ ";
    for (int i = 0; i < 1500; i++) {
      StringBuilder text = new StringBuilder(whole);
      for (int n = random.nextInt(3); n >= 0; n--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(4)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.insert(at, signs.charAt(random.nextInt(signs.length())));
          case 2 -> text.setCharAt(at, signs.charAt(random.nextInt(signs.length())));
          default -> text.delete(at, Math.min(text.length(), at + random.nextInt(200)));
        }
      }
      try {
        CirReader.parse(text.toString(), "m.cir", WeightFiles.NONE);
      } catch (CirException e) {
        assertTrue(e.errors().stream().allMatch(m -> m.startsWith("m.cir:")), e.getMessage());
      }
    }
  }
}
