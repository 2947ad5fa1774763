package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.catena.runtime.text.TextTokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StopConditionsTest {
  private static final Path TALE = Path.of("../models/tale/tokenizer.json");
  private static final int VOCABULARY = 2048;

  @Test
  void numbersAndSpecialTokensAreIdsAllElseIsText() {
    try (TextTokenizer tokenizer = TextTokenizer.open(TALE)) {
      StopConditions stop = StopConditions.of(List.of("17", "<|endoftext|>", "\n\n", "3.14", "-1"), VOCABULARY,
          Optional.of(tokenizer));
      assertEquals(Set.of(17, 0), stop.ids());
      assertEquals(List.of("\n\n", "3.14", "-1"), stop.texts());
    }
  }

  @Test
  void idsNeedNoTokenizerButTextsDo() {
    assertEquals(Set.of(5), StopConditions.of(List.of("5"), VOCABULARY, Optional.empty()).ids());
    assertThrows(UserError.class, () -> StopConditions.of(List.of("x"), VOCABULARY, Optional.empty()));
  }

  @Test
  void idOutsideTheVocabularyAndEmptyTextAreRefused() {
    assertThrows(UserError.class, () -> StopConditions.of(List.of("2048"), VOCABULARY, Optional.empty()));
    assertThrows(UserError.class, () -> StopConditions.of(List.of("123456789012"), VOCABULARY, Optional.empty()));
    assertThrows(UserError.class, () -> StopConditions.of(List.of(""), VOCABULARY, Optional.empty()));
  }
}
