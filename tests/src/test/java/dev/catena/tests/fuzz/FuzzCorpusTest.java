package dev.catena.tests.fuzz;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every seed, and everything that fuzzing ever found, is read or refused in one line, and comes to an end. */
class FuzzCorpusTest {
  static Stream<Arguments> inputs() {
    return Stream.of(FuzzTarget.values()).flatMap(t -> t.inputs().stream().map(p -> Arguments.of(t, p.getFileName(), p)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("inputs")
  void isReadOrRefused(FuzzTarget target, Path name, Path input) throws IOException {
    byte[] bytes = Files.readAllBytes(input);
    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> target.feed(bytes));
  }
}
