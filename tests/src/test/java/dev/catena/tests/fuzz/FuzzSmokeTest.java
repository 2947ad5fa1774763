package dev.catena.tests.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Jazzer on each target for some hundred inputs that grow from the seeds, always the same ones for the same code (the
 * generator's seed is fixed, and runs are counted, not timed). Heaps are small: what takes too much memory shows.
 */
class FuzzSmokeTest {
  private static final int RUNS = 600;
  private static final int PATIENCE_SECONDS = 900;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void nothingIsStumbledOver(FuzzTarget target) throws IOException, InterruptedException {
    Path corpus = Files.createDirectory(folder.resolve("corpus"));
    Path log = folder.resolve("log.txt");
    Process process = new ProcessBuilder(List.of(ProcessHandle.current().info().command().orElse("java"), "-Xmx256m",
        "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), "com.code_intelligence.jazzer.Jazzer",
        "--target_class=" + target.className(), "--instrumentation_includes=dev.catena.**", "--reproducer_path=" + folder,
        "-artifact_prefix=" + folder + "/", "-runs=" + RUNS, "-seed=7", "-max_len=4096", "-timeout=600", "-rss_limit_mb=0",
        corpus.toString(), target.corpus().toString()))
        .directory(folder.toFile()).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
    String said = Files.readString(log);
    String end = said.substring(Math.max(0, said.length() - 6000));
    assertEquals(0, process.exitValue(), () -> "the input is in " + folder + "; Jazzer says:\n" + end);
    assertTrue(said.contains("Done " + RUNS + " runs"), end);
  }
}
