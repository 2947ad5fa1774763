package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A user's mistake: status 2, one line on standard error that says what is wrong, nothing on standard output. */
class UsageErrorsTest {
  @TempDir
  private static Path folder;

  static Stream<Arguments> mistakes() throws Exception {
    Path artifact = TestArtifact.write(folder.resolve("small.catena"));
    String small = artifact.toString();
    Path noArtifact = Files.writeString(folder.resolve("text.catena"), "no artifact");
    return Stream.of(
        mistake("Missing required subcommand"),
        mistake("'fly'", "fly"),
        mistake("FILE.catena", "run"),
        mistake("mutually exclusive", "run", small, "--prompt", "a", "--ids", "1"),
        mistake("--prompt", "run", small),
        mistake("--temperature", "run", small, "--ids", "1", "--temperature", "warm"),
        mistake("--temperature must be", "run", small, "--ids", "1", "--temperature", "-1"),
        mistake("--top-p must be", "run", small, "--ids", "1", "--top-p", "1.5"),
        mistake("--min-p must be", "run", small, "--ids", "1", "--min-p", "-0.5"),
        mistake("--top-k must be", "run", small, "--ids", "1", "--top-k", "-1"),
        mistake("--repeat-penalty must be", "run", small, "--ids", "1", "--repeat-penalty", "0"),
        mistake("--max-tokens -1", "run", small, "--ids", "1", "--max-tokens", "-1"),
        mistake("--threads 0", "run", small, "--ids", "1", "--threads", "0"),
        mistake("there.catena: no such file", "run", "there.catena", "--ids", "1"),
        mistake("it is not a Catena artifact", "run", noArtifact.toString(), "--ids", "1"),
        mistake("--gen-len 0", "bench", small, "--gen-len", "0"),
        mistake("--prompt-len 0", "bench", small, "--prompt-len", "0"),
        mistake("--repeat 2", "bench", small, "--repeat", "2"),
        mistake("inspect what?", "inspect"),
        mistake("no such file or folder", "inspect", "there.onnx"),
        mistake("text IR", "inspect", Files.writeString(folder.resolve("a.cir"), "").toString()),
        mistake("there are 00-import, 01-plan", "inspect", small, "--ir", "fold"),
        mistake("--html", "inspect", small, "--html", "a.html"),
        mistake("choose 32, 16, 8 or 4", "compile", folder.toString(), "--wbits", "5"),
        mistake("unknown target 'riscv'", "compile", folder.toString(), "--target", "riscv"));
  }

  private static Arguments mistake(String named, String... args) {
    return Arguments.of(List.of(args), named);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mistakes")
  void mistakeIsOneLineAndStatusTwo(List<String> args, String named) {
    CommandRun run = CommandRun.of(args.toArray(String[]::new));
    assertAll(
        () -> assertEquals(2, run.status()),
        () -> assertEquals("", run.out()),
        () -> assertEquals(1, run.err().lines().count(), run.err()),
        () -> assertTrue(run.err().startsWith("catena: ") && run.err().contains(named), run.err()));
  }

  @Test
  void debugShowsWhereAnErrorCameFrom() {
    CommandRun run = CommandRun.of("--debug", "inspect", "there.onnx");
    assertEquals(2, run.status());
    assertTrue(run.err().contains("at dev.catena.tools.InspectCommand"), run.err());
  }
}
