package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenIdsTest {
  @Test
  void idsAreReadWithOrWithoutSpaces() {
    assertArrayEquals(new int[] {1, 0, 99}, TokenIds.parse("1, 0,99", 100));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ",", "1,", "1,,2", "one", "1.5", "-1", "100", "99999999999"})
  void anythingElseIsRefused(String list) {
    assertThrows(UserError.class, () -> TokenIds.parse(list, 100));
  }

  @Test
  void promptMayFillTheContextButNotPassIt() {
    assertDoesNotThrow(() -> TokenIds.requireFits(new int[8], 8));
    assertThrows(UserError.class, () -> TokenIds.requireFits(new int[9], 8));
    assertThrows(UserError.class, () -> TokenIds.requireFits(new int[0], 8));
  }
}
