package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that run a model, on the one that is in the checkout. What the model computes is judged elsewhere. */
class TaleCommandsTest {
  private static final String PROMPT = "Once upon a time";
  /** The same, as ids with BOS in front. */
  private static final String IDS = "0,430,443,259,402";

  @TempDir
  private static Path folder;

  private static String artifact;

  @BeforeAll
  static void compile() {
    artifact = folder.resolve("tale.catena").toString();
    CommandRun run = CommandRun.of("compile", "../models/tale/split-fp16", "-o", artifact, "--wbits", "16");
    assertEquals(0, run.status(), run.err());
  }

  private static CommandRun done(String... args) {
    CommandRun run = CommandRun.of(args);
    assertEquals(0, run.status(), run.err());
    return run;
  }

  @Test
  void promptIsTokenizedWithBosInFront() {
    assertEquals(done("run", artifact, "--ids", IDS, "--max-tokens", "8").out(),
        done("run", artifact, "--prompt", PROMPT, "--max-tokens", "8").out());
  }

  @Test
  void standardErrorHasSettingsReasonAndSpeed() {
    CommandRun run = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "8");
    List<String> lines = run.err().lines().toList();
    assertEquals(2, lines.size(), run.err());
    assertTrue(lines.get(0).startsWith("settings: target = cpu:"), run.err());
    assertTrue(lines.get(1).matches("finish reason: LENGTH; prefill 5 tokens in .* tokens/s\\), 8 generated, decode 7 .*"),
        run.err());
  }

  @Test
  void optionWithoutEffectIsOneWarning() {
    CommandRun run = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "1", "--top-k", "3", "--seed", "1");
    assertEquals(1, run.err().lines().filter(line -> line.startsWith("warning:")).count(), run.err());
  }

  @Test
  void stopTextIsNotPrintedAndStopIdNeither() {
    String story = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "16").out();
    CommandRun text = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "16", "--stop", "little");
    assertEquals(story.substring(0, story.indexOf("little")) + "\n", text.out());
    assertTrue(text.err().contains("STOP_TEXT"), text.err());
    String[] ids = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "16", "--print-ids").out().strip().split(",");
    CommandRun id = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "16", "--print-ids", "--stop", ids[3]);
    assertEquals(String.join(",", Arrays.copyOf(ids, 3)) + "\n", id.out());
    assertTrue(id.err().contains("STOP_ID (token " + ids[3] + ")"), id.err());
  }

  @Test
  void logitsHaveARowForEveryFedPosition() throws Exception {
    Path file = folder.resolve("logits.npy");
    CommandRun run = done("run", artifact, "--ids", IDS, "--max-tokens", "4", "--print-ids", "--logits-out", file.toString());
    NpyMatrix logits = NpyMatrix.read(file);
    assertEquals(5 + 4 - 1, logits.rows());
    assertEquals(2048, logits.columns());
    // Greedy: the likeliest of the rows from the prompt's last on are the generated ids.
    List<String> likeliest = IntStream.range(4, 8).mapToObj(row -> Integer.toString(likeliest(logits, row))).toList();
    assertEquals(String.join(",", likeliest) + "\n", run.out());
  }

  private static int likeliest(NpyMatrix m, int row) {
    return IntStream.range(0, m.columns()).boxed()
        .max((a, b) -> Float.compare(m.values()[row * m.columns() + a], m.values()[row * m.columns() + b])).orElseThrow();
  }

  private static CommandRun chat(String... lines) {
    InputStream before = System.in;
    try {
      System.setIn(new ByteArrayInputStream(String.join("\n", lines).getBytes(StandardCharsets.UTF_8)));
      return done("chat", artifact, "--max-tokens", "5");
    } finally {
      System.setIn(before);
    }
  }

  @Test
  void chatGoesOnWithTheSequenceUntilReset() {
    String first = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "5").out();
    String second = done("run", artifact, "--prompt", PROMPT + first.stripTrailing() + " and", "--max-tokens", "5").out();
    assertEquals(first + second + first, chat(PROMPT, " and", "/reset", PROMPT, "/exit", "never read").out());
  }

  @Test
  void chatRefusesALineThatDoesNotFitAndGoesOn() {
    // BOS, the prompt's four tokens and five generated: 1014 are left. " time" is one token.
    CommandRun run = chat(PROMPT, " time".repeat(1015), "a".repeat(10_000_000), " and", "/exit");
    assertEquals(chat(PROMPT, " and", "/exit").out(), run.out());
    assertEquals(List.of("the line has 1015 tokens, more than the 1014 left of the context's 1024 (/reset starts afresh)",
        "the line has 10000000 characters, more than the 1014 tokens left of the context's 1024 can hold (/reset starts afresh)"),
        run.err().lines().map(line -> line.replaceAll("^(> )+", "")).filter(line -> line.startsWith("the line")).toList());
  }

  @Test
  void chatWithAFullContextRefusesUntilReset() {
    CommandRun run = chat(PROMPT, " time".repeat(1014), " and", "/reset", PROMPT, "/exit");
    String answer = done("run", artifact, "--prompt", PROMPT, "--max-tokens", "5").out();
    assertTrue(run.out().startsWith(answer) && run.out().endsWith(answer), run.out());
    assertTrue(run.err().contains("the context of 1024 positions is full"), run.err());
    assertTrue(run.err().contains("> the context's 1024 tokens are taken (/reset starts afresh)"), run.err());
  }

  @Test
  void benchCutsLengthsToTheContextAndSaysSo() throws Exception {
    CommandRun run = done("bench", artifact, "--prompt-len", "1020", "--gen-len", "8", "--repeat", "3", "--json");
    assertTrue(run.err().contains("the context has 1024 positions: measuring with a prompt of 1016 and 8"), run.err());
    JsonNode json = new ObjectMapper().readTree(run.out());
    assertAll(
        () -> assertEquals(1016, json.get("prompt_len").intValue()),
        () -> assertTrue(json.get("prefill_tokens_per_s").doubleValue() > 0),
        () -> assertTrue(json.get("decode_tokens_per_s").doubleValue() > 0),
        () -> assertTrue(json.get("read_bandwidth_bytes_per_s").doubleValue() > 1e9));
  }

  @Test
  void interruptEndsCleanlyAndLeavesNoHalfFile() throws Exception {
    Path logits = folder.resolve("interrupted.npy");
    // The child must not inherit an ignored SIGINT, which this process has when it runs in a script's background.
    Process process = new ProcessBuilder("env", "--default-signal=INT", ProcessHandle.current().info().command().orElseThrow(),
        "-cp", System.getProperty("java.class.path"), "dev.catena.tools.Catena", "run", artifact, "--ids", IDS,
        "--max-tokens", "1000", "--threads", "1", "--logits-out", logits.toString()).start();
    try {
      String start = new String(process.getInputStream().readNBytes(4), StandardCharsets.UTF_8);
      assertEquals(0, new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor());
      String rest = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(10, TimeUnit.SECONDS));
      assertEquals(130, process.exitValue(), err);
      assertTrue((start + rest).endsWith("\n"));
      assertTrue(err.contains("CANCELLED"), err);
    } finally {
      process.destroyForcibly();
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertFalse(files.anyMatch(file -> file.toString().contains("interrupted")));
    }
  }

  /** While clang runs: it ends, too, and neither its folder nor a part of an artifact is left, nor said why it broke off. */
  @Test
  void interruptedCompileLeavesNothing() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Path output = Files.createDirectory(folder.resolve("out"));
    // In a cache of its own, where no earlier compile has left what clang would make.
    Process process = new ProcessBuilder("env", "--default-signal=INT", "CATENA_CACHE=" + Files.createDirectory(folder.resolve("cache")), ProcessHandle.current().info().command().orElseThrow(),
        "-Djava.io.tmpdir=" + temporary, "-cp", System.getProperty("java.class.path"), "dev.catena.tools.Catena", "compile", "../models/tale/split-fp16",
        "-o", output.resolve("tale.catena").toString(), "--target", "cpu:x86-64-v3,cpu:x86-64-v4,cpu:icelake-server,cpu:sapphirerapids").start();
    try {
      while (process.isAlive() && children(process) == 0) {
        Thread.sleep(5);
      }
      assertTrue(isLeft(temporary, "catena-cc"), "clang runs in a folder there");
      assertEquals(0, new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor());
      String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(130, process.waitFor(), err);
      assertFalse(err.contains("catena: "), err);
    } finally {
      process.destroyForcibly();
    }
    assertFalse(isLeft(temporary, "") || isLeft(output, ""));
  }

  private static long children(Process process) {
    return process.descendants().filter(each -> each.info().command().orElse("").endsWith("clang")).count();
  }

  private static boolean isLeft(Path in, String start) throws IOException {
    try (Stream<Path> files = Files.list(in)) {
      return files.anyMatch(file -> file.getFileName().toString().startsWith(start));
    }
  }
}
