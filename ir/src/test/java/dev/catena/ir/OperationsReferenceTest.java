package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class OperationsReferenceTest {
  private static final Path PAGE = Path.of("../docs/operations.md");

  @Test
  void thePageSaysWhatTheDeclarationsSay() throws IOException {
    if (System.getProperty("bless") != null) {
      Files.writeString(PAGE, OperationsReference.markdown());
    }
    assertEquals(Files.readString(PAGE), OperationsReference.markdown(), "-Dbless writes docs/operations.md anew");
  }

  @Test
  void eachOperationHasARowThatTellsAllOfIt() {
    String page = OperationsReference.markdown();
    for (OpDefinition d : Dialects.all()) {
      String row = page.lines().filter(l -> l.startsWith("| `" + d.name() + "` |")).findFirst().orElseThrow();
      for (OpDefinition.OperandSpec o : d.operands()) {
        assertTrue(row.contains("`" + o.name()), row);
      }
      assertTrue(d.attributes().keySet().stream().allMatch(a -> row.contains("`" + a)), row);
      assertTrue(d.doc().endsWith(".") && !d.doc().contains("\n"), d.name() + " is documented in sentences on one line");
    }
  }
}
