package dev.catena.passes.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A mistake in a rule file is told at its place, with the line and a caret. */
class RuleMistakeTest {
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\'', value = {
      "match (onnx.Mull $x $y) emit $x | f.rules:3:10: there is no operation onnx.Mull",
      "match (onnx.Sub~ $x $y) emit $x | f.rules:3:10: onnx.Sub isn't commutative",
      "match (onnx.Neg $x $y) emit $x | f.rules:3:10: onnx.Neg takes at most 1 operands, found 2",
      "match (onnx.Neg $x) emit $z | f.rules:3:28: $z doesn't occur in the pattern, which binds $root, $x",
      "match (onnx.Neg $x) where rnk($x) = 1 emit $x | f.rules:3:29: there is no function rnk; there are ",
      "match (onnx.Neg $x) where rank($x, 1) = 1 emit $x | f.rules:3:29: rank takes 1 arguments, found 2",
      "match (onnx.Neg $x) emit (nn.rms_norm $x $x) | f.rules:3:29: nn.rms_norm needs attribute eps",
      "match (onnx.Neg $x) emit (nn.linear $x) | f.rules:3:29: nn.linear needs operand weight",
      "match (onnx.Cast $x too=f32) emit $x | f.rules:3:23: onnx.Cast has no attribute too; it has round_mode, saturate, to",
      "match (onnx.Cast $x to=2) emit $x | f.rules:3:26: attribute to of onnx.Cast is element, found 2",
      "match $x emit $x | f.rules:3:9: a rule starts from an operation, found $x",
      "match (onnx.Neg $x emit $x | f.rules:4:1: unexpected '}'",
      "match (onnx.Neg part) emit $x | f.rules:3:19: no pattern part is defined above",
      "match (onnx.Neg $x) emit folded($x) | f.rules:3:28: there is no view folded; there are weight"})
  void theMessageNamesThePlace(String body, String message) {
    RuleException e = assertThrows(RuleException.class,
        () -> RuleReader.parse("phase raise\nrule r \"A mistake.\" {\n  " + body.strip() + "\n}\n", "f.rules"));
    String first = e.errors().get(0);
    assertTrue(first.startsWith(message.strip()), first);
    String[] lines = first.split("\n");
    int column = Integer.parseInt(lines[0].split(":")[2]);
    assertEquals(column + 1, lines[2].indexOf('^'), first);
  }

  @ParameterizedTest
  @CsvSource({"rules without a phase", "phase"})
  void aFileSaysItsPhase(String text) {
    assertTrue(assertThrows(RuleException.class, () -> RuleReader.parse(text, "f.rules")).getMessage().startsWith("f.rules:1:"));
  }
}
