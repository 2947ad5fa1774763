package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.passes.Pass;
import dev.catena.passes.PassOptions;
import dev.catena.passes.Passes;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The flags by which compile and opt let one watch, stop and reproduce passes. */
class PassFlagsTest {
  @TempDir Path folder;
  private Path model;
  private Path artifact;

  @BeforeEach
  void write() {
    model = folder.resolve("model");
    artifact = folder.resolve("m.catena");
    LlamaModel.write(model, LlamaShape.of(2, 1, 8, 24, 33, 1, 16), ExportStyle.F32, 3);
  }

  @Test
  void compileThatStopsEarlyDumpsAndWritesNoArtifact() {
    CommandResult result = CatenaCommand.run("compile", model, "-o", artifact, "--stop-after", "clean", "--dump-dir",
        folder.resolve("dumps"), "--timing", "--stats", "--print-diff").succeeded();
    assertFalse(Files.exists(artifact));
    assertTrue(Files.exists(folder.resolve("dumps/03-clean.cir")));
    assertFalse(Files.exists(folder.resolve("dumps/04-rope-tables.cir")));
    assertEquals("", result.out());
    for (String part : List.of("// after 01-fold", "ms  total", "fold.constants", "\n-", "\n@@ ")) {
      assertTrue(result.err().contains(part), part + " isn't in\n" + result.err());
    }
  }

  @Test
  void theReproducersCommandLineFailsInTheSameWay() throws IOException {
    Path repro = folder.resolve("it's here");
    CommandResult failed = CatenaCommand.run("compile", model, "-o", artifact, "--pipeline", "fold,clean,lower,plan",
        "--repro", repro);
    assertEquals(2, failed.status());
    String command = Files.readAllLines(repro.resolve("command.txt")).stream().filter(l -> !l.startsWith("#")).findFirst()
        .orElseThrow();
    String[] words = Arrays.stream(command.replace("'\\''", "\0").split("'| (?=[^']*(?:'[^']*'[^']*)*$)"))
        .filter(w -> !w.isEmpty()).map(w -> w.replace('\0', '\'')).toArray(String[]::new);
    CommandResult again = CatenaCommand.run((Object[]) Arrays.copyOfRange(words, 1, words.length));
    assertEquals(2, again.status(), again.err());
    String reason = "lower: stage @embed: onnx.Gather";
    assertTrue(failed.err().contains(reason), failed.err());
    assertTrue(again.err().contains(reason), command + "\n" + again.err());
  }

  @Test
  void helpListsThePassesWithTheirOptions() {
    String help = CatenaCommand.run("opt", "--help").succeeded().out();
    for (Pass pass : Passes.all()) {
      assertTrue(help.contains("  " + pass.name() + " "), help);
      for (PassOptions.Declared option : pass.options()) {
        assertTrue(help.contains(option.usage()), option.usage());
      }
    }
  }
}
