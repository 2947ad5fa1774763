package dev.catena.ir.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.catena.ir.Module;
import dev.catena.ir.StructuralEquality;
import dev.catena.ir.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What is printed is read back as the same module and printed again as the same bytes. */
class RoundTripTest {
  @Property(tries = 1500)
  void anyModule(@ForAll long seed) {
    Module module = new RandomModules(seed).module();
    String text = module.toString();
    Module read = CirReader.parse(text, "m.cir", WeightFiles.NONE);
    assertNull(StructuralEquality.difference(module, read), () -> text);
    assertEquals(text, read.toString());
  }

  /** Comments and white space mean nothing, wherever they stand between words. */
  @Property(tries = 300)
  void commentsAnywhere(@ForAll long seed) {
    String text = new RandomModules(seed).module().toString();
    String spread = text.lines().map(l -> "\t // { a comment \"\n" + l + " // }").collect(Collectors.joining("\r\n"));
    assertEquals(text, CirReader.parse(spread, "m.cir", WeightFiles.NONE).toString());
  }

  @Test
  void everyForm() throws IOException {
    String text = Files.readString(Path.of("src/test/resources/text/every_form.cir"));
    Module module = CirReader.parse(text, "every_form.cir", WeightFiles.NONE);
    Verifier.verify(module);
    String bare = text.lines().filter(l -> !l.startsWith("//")).map(l -> l.replaceAll(" //.*", ""))
        .collect(Collectors.joining("\n", "", "\n"));
    assertEquals(bare, module.toString().replaceAll(" sha256 [0-9a-f]{64}", ""));
    assertEquals(module.toString(), CirReader.parse(module.toString(), "again", WeightFiles.NONE).toString());
  }

  /** Equality isn't blind: a changed word anywhere makes another module. */
  @Test
  void aChangedWordMakesAnotherModule() throws IOException {
    String text = Files.readString(Path.of("src/test/resources/text/every_form.cir"));
    Module module = CirReader.parse(text, "m.cir", WeightFiles.NONE);
    for (List<String> change : List.of(List.of("ints = [-1, 2]", "ints = [-1, 3]"), List.of("-0.0", "0.0"),
        List.of("random(7, tensor<f32, [4, 8]>), f16)", "random(8, tensor<f32, [4, 8]>), f16)"),
        List.of("zero u4, ", ""), List.of("\"b c.bin\", 0", "\"b c.bin\", 4"), List.of("onnx.Neg", "onnx.Abs"),
        List.of("return %inner, %clip", "return %clip, %inner"), List.of("return %neg", "return %other"),
        List.of("[0.5, -inf, 65504.0]", "[0.5, inf, 65504.0]"), List.of("role = \"decoder\"", "role = \"norm\""),
        List.of("@last", "@first"), List.of("%\"odd name\"", "%\"another name\""), List.of("%n:", "%m:"))) {
      String changed = text.replace(change.get(0), change.get(1));
      assertNotNull(StructuralEquality.difference(module, CirReader.parse(changed, "m.cir", WeightFiles.NONE)),
          change.toString());
    }
  }
}
