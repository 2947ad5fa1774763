package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PipelineTest {
  @Test
  void readsStepsWithOptionsAndFillsInDefaults() {
    Pipeline p = Pipeline.parse("fold, clean,quantize{bits=8 group=32}");
    assertEquals(3, p.steps().size());
    assertEquals(8, p.steps().get(2).options().number("bits"));
    assertEquals("false", p.steps().get(2).options().text("symmetric"));
    assertEquals(p.toString(), Pipeline.parse(p.toString()).toString());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "fold,polish | there is no pass polish",
      "quantize{bit=4} | has no option bit",
      "quantize{bits} | expected name=value",
      "fold clean | expected a comma or {options} behind the pass name",
      "fold{ | the options of fold lack the closing }",
      "flod | there is no pass flod; did you mean fold?",
      "rope_tables | did you mean rope-tables?",
      "quantize{bist=4} | did you mean bits?",
      "fold,%x | expected a pass name",
      "FOLD | did you mean fold?"})
  void whatCantBeReadIsSaidInOneLine(String text, String expected) {
    PassException e = assertThrows(PassException.class, () -> Pipeline.parse(text));
    assertTrue(e.getMessage().contains(expected), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }
}
