package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Module;
import dev.catena.ir.StructuralEquality;
import dev.catena.ir.Verifier;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import dev.catena.passes.GoldenFile.Directive;
import dev.catena.passes.GoldenFile.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every file of {@code golden/PASS/} is a test; {@link GoldenFile} says what may stand in one. */
class GoldenTest {
  private static final Path FOLDER = Path.of("src/test/resources/golden");
  private static final String BLESS = "bless";

  static Stream<Arguments> golden() throws IOException {
    return files().stream().map(f -> Arguments.of(Named.of(FOLDER.relativize(f).toString(), f)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("golden")
  void comesOutAsTheFileSays(Path file) throws IOException {
    run(GoldenFile.read(file));
  }

  private static List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(FOLDER)) {
      return all.filter(f -> f.toString().endsWith(".cir")).sorted().toList();
    }
  }

  private static void run(GoldenFile golden) throws IOException {
    if (golden.has(Kind.ERROR)) {
      String message = assertThrows(RuntimeException.class, () -> optimized(golden)).getMessage();
      for (Directive d : golden.all(Kind.ERROR)) {
        assertTrue(message.contains(d.text()), golden.path() + ":" + d.line() + ": the message is\n" + message);
      }
      return;
    }
    Module module = parse(golden);
    String before = module.toString();
    String after = optimized(golden);
    golden.check(after);
    if (golden.has(Kind.UNCHANGED)) {
      assertEquals(before, after, golden.path() + " must be left alone");
    }
    if (golden.has(Kind.EXPECT)) {
      compareExactly(golden, after);
    }
    for (Directive d : golden.all(Kind.EVAL)) {
      Module optimized = parse(golden);
      Pipeline.parse(golden.pipeline()).run(optimized, new PassContext());
      new GoldenEvaluation(d.text().isEmpty() ? 1e-5 : Double.parseDouble(d.text())).compare(parse(golden), optimized);
    }
  }

  private static Module parse(GoldenFile golden) {
    return CirReader.parse(golden.text(), golden.path().toString(), WeightFiles.NONE);
  }

  /** The text after the passes, which was checked after each and can be read back. */
  private static String optimized(GoldenFile golden) {
    Module module = parse(golden);
    Verifier.verify(module);
    Pipeline.parse(golden.pipeline()).run(module, new PassContext().verifyEach(true));
    String text = module.toString();
    assertNull(StructuralEquality.difference(module, CirReader.parse(text, "result", WeightFiles.NONE)));
    return text;
  }

  private static void compareExactly(GoldenFile golden, String after) throws IOException {
    if (System.getProperty(BLESS) != null) {
      Files.writeString(golden.expected(), after);
    }
    assertTrue(Files.exists(golden.expected()), () -> golden.expected() + " isn't there; -Dbless writes it");
    assertEquals(Files.readString(golden.expected()), after, () -> golden.path() + ": -Dbless rewrites "
        + golden.expected().getFileName() + " where the new result is right");
  }

  @Test
  void everyPassHasAFileThatItChangesAndOneThatItLeavesAlone() throws IOException {
    List<String> missing = new ArrayList<>();
    for (Pass pass : Passes.all()) {
      Path folder = FOLDER.resolve(pass.name());
      boolean changes = false;
      boolean leavesAlone = false;
      for (Path f : files()) {
        if (f.startsWith(folder)) {
          GoldenFile golden = GoldenFile.read(f);
          leavesAlone |= golden.has(Kind.UNCHANGED);
          changes |= !golden.has(Kind.UNCHANGED) && !golden.has(Kind.ERROR)
              && !optimized(golden).equals(parse(golden).toString());
        }
      }
      if (!changes || !leavesAlone) {
        missing.add(pass.name() + (changes ? " has none that it leaves alone" : " has none that it changes"));
      }
    }
    assertEquals(List.of(), missing);
  }
}
