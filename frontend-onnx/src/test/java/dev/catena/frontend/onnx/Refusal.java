package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.Supplier;

/** What a user sees of bad input: one line that says where and what. */
final class Refusal {
  private Refusal() {}

  /** The import must fail with one line that holds all of {@code parts}. */
  static void of(Supplier<ImportedModel> work, String... parts) {
    OnnxException e = assertThrows(OnnxException.class, () -> work.get().close());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> "'" + e.getMessage() + "' doesn't say '" + part + "'");
    }
  }
}
