package dev.catena.tests.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.command.CatenaProcess;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.command.FolderState;
import dev.catena.tests.command.RunningCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A compilation that can't end leaves nothing half-written: neither at the output's place, nor beside it, nor in /tmp. */
class InterruptedCompilationTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 64, 768, 2000, 4, 64);

  @TempDir Path folder;
  private Path out;
  private Path temporary;

  @BeforeEach
  void writeModel() throws IOException {
    LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 67);
    out = Files.createDirectory(folder.resolve("out"));
    temporary = Files.createDirectory(folder.resolve("tmp"));
  }

  private CatenaProcess process() {
    return CatenaProcess.in(folder).with("-Djava.io.tmpdir=" + temporary);
  }

  private void assertNothingIsLeft(Map<String, Long> expectedOutput) {
    assertEquals(expectedOutput, FolderState.of(out).files());
    assertEquals(Map.of("", -1L), FolderState.of(temporary).files());
  }

  @ParameterizedTest
  @CsvSource({"INT,generating code", "TERM,generating code", "INT,packing weights", "TERM,packing weights", "HUP,packing weights"})
  void aSignalEndsItWithoutATrace(String signal, String moment) throws IOException {
    Files.writeString(out.resolve("m.catena"), "the one before");
    Map<String, Long> before = FolderState.of(out).files();
    // A process that a script started in the background ignores SIGINT, and its children do: env sets it back. Code that is kept
    // from an earlier compilation would leave no time to interrupt.
    RunningCommand command = process().under("env", "--default-signal=INT,HUP", "CATENA_CACHE=" + folder.resolve("cache"))
        .start("compile", "model", "-o", "out/m.catena", "--wbits", 4);
    assertTrue(command.awaitOnStandardError(moment), "never said: " + moment);
    command.signal(signal);
    CommandResult result = command.await();
    assertNotEquals(0, result.status(), result.err());
    assertNothingIsLeft(before);
    assertEquals("the one before", Files.readString(out.resolve("m.catena")));
  }

  /** Ctrl-C reaches the command and the compilers that it started; these may end before it hears of it, as where they alone are signalled. */
  @ParameterizedTest
  @CsvSource({"cpu,-ffreestanding,group", "cpu,-ffreestanding,compiler", "sm_80,NvrtcProcess,compiler"})
  void controlCWhileACompilerRunsEndsItWithStatus130(String target, String argument, String signalled) {
    RunningCommand command = process().under("env", "--default-signal=INT", "CATENA_CACHE=" + folder.resolve("cache"), "setsid")
        .start("compile", "model", "-o", "out/m.catena", "--wbits", 4, "--target", target);
    if (signalled.equals("group")) {
      assertTrue(command.awaitStartedProgram(argument) > 0, "no compiler ran");
      command.signalGroup("INT");
    } else {
      // Until the command ends: a Java process that begins may lose a signal.
      for (long id = command.awaitStartedProgram(argument); id > 0; id = command.awaitStartedProgram(argument)) {
        RunningCommand.signal("INT", id);
      }
    }
    CommandResult result = command.await();
    assertEquals(130, result.status(), result.err());
    assertFalse(result.err().contains("\tat ") || result.err().contains("Exception"), result.err());
    assertNothingIsLeft(Map.of("", -1L));
  }

  @Test
  void aLimitOnFileSizeIsReportedInOneLine() {
    // 600 blocks of 1024 bytes: less than the weights
    CommandResult result = process().with("-XX:-UsePerfData", "-Djava.io.tmpdir=" + temporary)
        .under("bash", "-c", "ulimit -f 600; exec \"$@\"", "bash")
        .run("compile", "model", "-o", "out/m.catena", "--wbits", 16);
    assertEquals(1, result.status(), result.err());
    assertEquals("", result.out());
    String last = result.err().lines().reduce((a, b) -> b).orElse("");
    assertTrue(last.startsWith("catena: ") && last.contains("m.catena"), result.err());
    assertNothingIsLeft(Map.of("", -1L));
  }

  @Test
  void aFullDiskIsReportedInOneLine() {
    String script = "mount -t tmpfs -o size=300k tmpfs out || exit 77; \"$@\"; status=$?; ls -A out; exit $status";
    CommandResult result = process().under("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh")
        .run("compile", "model", "-o", "out/m.catena", "--wbits", 16);
    if (result.status() == 77 || result.err().startsWith("unshare")) {
      String why = "SKIPPED: no small file system can be mounted here: " + result.err().strip();
      System.err.println(why);
      Assumptions.abort(why);
    }
    assertEquals(1, result.status(), result.err());
    assertEquals("", result.out(), "left behind");
    String last = result.err().lines().reduce((a, b) -> b).orElse("");
    assertTrue(last.startsWith("catena: ") && last.contains("m.catena"), result.err());
    assertTrue(last.toLowerCase(Locale.ROOT).contains("space"), result.err());
    assertNothingIsLeft(Map.of("", -1L));
  }

  @Test
  void twoCompilersOfOneOutputGiveOneWholeArtifact() throws IOException {
    process().run("compile", "model", "-o", "eight.catena", "--wbits", 8).succeeded();
    process().run("compile", "model", "-o", "four.catena", "--wbits", 4).succeeded();
    byte[] eight = Files.readAllBytes(folder.resolve("eight.catena"));
    byte[] four = Files.readAllBytes(folder.resolve("four.catena"));
    RunningCommand a = process().start("compile", "model", "-o", "out/m.catena", "--wbits", 8);
    RunningCommand b = process().start("compile", "model", "-o", "out/m.catena", "--wbits", 4);
    a.await().succeeded();
    b.await().succeeded();
    byte[] result = Files.readAllBytes(out.resolve("m.catena"));
    assertTrue(Arrays.equals(result, eight) || Arrays.equals(result, four), "neither of the two artifacts");
    assertNothingIsLeft(Map.of("", -1L, "m.catena", (long) result.length));
  }
}
