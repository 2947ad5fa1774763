package dev.catena.tests.fuzz;

import dev.catena.passes.rules.RuleException;
import dev.catena.passes.rules.RuleReader;
import java.nio.charset.StandardCharsets;

/** Bytes as a rule file. */
public final class RuleTextFuzz {
  private RuleTextFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    try {
      RuleReader.parse(new String(bytes, StandardCharsets.UTF_8), "r.rules");
    } catch (RuleException e) {
      if (e.errors().isEmpty() || !e.errors().stream().allMatch(line -> line.startsWith("r.rules:"))) {
        throw new AssertionError("an error without a place: " + e.errors(), e);
      }
    }
  }
}
