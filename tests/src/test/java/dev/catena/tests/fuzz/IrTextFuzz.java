package dev.catena.tests.fuzz;

import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.text.CirException;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import java.nio.charset.StandardCharsets;

/** Bytes as a module's text: what is read prints as a text that reads as the same. */
public final class IrTextFuzz {
  private IrTextFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    Module module;
    try {
      module = CirReader.parse(new String(bytes, StandardCharsets.UTF_8), "m.cir", WeightFiles.NONE);
    } catch (CirException e) {
      if (e.errors().isEmpty() || !e.errors().stream().allMatch(line -> line.startsWith("m.cir:"))) {
        throw new AssertionError("an error without a place: " + e.errors(), e);
      }
      return;
    } catch (IrException e) {
      OneLine.check(e, "m.cir", java.util.List.of(IrException.class));
      return;
    }
    String text = module.toString();
    String again = CirReader.parse(text, "printed.cir", WeightFiles.NONE).toString();
    if (!text.equals(again)) {
      throw new AssertionError("printed as\n" + text + "\nwhich is read as\n" + again);
    }
  }
}
