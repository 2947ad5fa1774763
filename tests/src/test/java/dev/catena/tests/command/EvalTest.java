package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.runtime.text.TextTokenizer;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import dev.catena.tests.oracle.OnnxRuntimeModel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code eval} on the model in the checkout: its numbers against ONNX Runtime's logits for the same windows. */
class EvalTest {
  private static final Path TALE = Path.of("../models/tale");
  private static final int BOS = 0;
  private static final String TEXT = """
      Once upon a time, there was a little boy named Tim. Tim had a red ball. He liked to play with it in the park every
      day. One day, a big dog came and took the ball. Tim was sad. "Please give me my ball," he said. The dog looked at
      him and ran away. Tim's mom saw that he was sad. She said, "Don't worry, Tim. We can find it." They looked under the
      trees and behind the bench. At last they saw the dog. It was asleep, and the ball lay next to it. Tim took the ball
      and gave the dog a hug — très bien! From then on, Tim and the dog were best friends, and they played every day.
      """;

  @TempDir private static Path folder;
  private static Path text;
  private static Path half;
  private static Path four;

  @BeforeAll
  static void compile() throws Exception {
    text = Files.writeString(folder.resolve("story.txt"), TEXT);
    half = folder.resolve("half.catena");
    four = folder.resolve("four.catena");
    CatenaCommand.run("compile", TALE.resolve("split-fp16"), "-o", half, "--wbits", 16).succeeded();
    CatenaCommand.run("compile", TALE.resolve("split-fp16"), "-o", four, "--wbits", 4).succeeded();
  }

  private static JsonNode eval(Object... args) throws Exception {
    Object[] all = new Object[args.length + 4];
    all[0] = "eval";
    System.arraycopy(args, 0, all, 1, args.length);
    all[args.length + 1] = "--text";
    all[args.length + 2] = text;
    all[args.length + 3] = "--json";
    return new ObjectMapper().readTree(CatenaCommand.run(all).succeeded().out());
  }

  /** Every token once, from the window that reads it first; windows begin with BOS. */
  private static double[] judged(int window, int stride) throws Exception {
    int[] ids;
    try (TextTokenizer tokenizer = TextTokenizer.of(Files.readAllBytes(TALE.resolve("tokenizer.json")), "tale")) {
      ids = tokenizer.encode(TEXT);
    }
    double sum = 0;
    int done = 0;
    for (int begin = 0; done < ids.length; begin += stride) {
      int end = Math.min(begin + window, ids.length);
      int[] fed = new int[end - begin];
      fed[0] = BOS;
      System.arraycopy(ids, begin, fed, 1, fed.length - 1);
      try (OnnxRuntimeModel model = new OnnxRuntimeModel(new PieceFolder(TALE.resolve("split-fp16"), PieceNames.LLAMA_ONNX))) {
        float[][] logits = model.feed(fed);
        for (; done < end; done++) {
          sum -= logProbability(logits[done - begin], ids[done]);
        }
      }
    }
    return new double[] {Math.exp(sum / ids.length), sum / Math.log(2) / TEXT.getBytes(StandardCharsets.UTF_8).length, ids.length};
  }

  private static double logProbability(float[] logits, int id) {
    double sum = 0;
    for (float l : logits) {
      sum += Math.exp((double) l - logits[id]);
    }
    return -Math.log(sum);
  }

  @Test
  void sixteenBitsGiveTheReferencesPerplexity() throws Exception {
    for (int[] w : new int[][] {{512, 512}, {48, 48}, {64, 20}}) {
      double[] judged = judged(w[0], w[1]);
      JsonNode found = eval(half, "--window", w[0], "--stride", w[1]);
      assertAll(
          () -> assertEquals(judged[0], found.get("perplexity").doubleValue(), 1e-3 * judged[0]),
          () -> assertEquals(judged[1], found.get("bits_per_byte").doubleValue(), 1e-3 * judged[1]),
          () -> assertEquals((int) judged[2], found.get("tokens").intValue()));
    }
  }

  @Test
  void severalArtifactsAreComparedToTheFirst() throws Exception {
    JsonNode artifacts = eval(half, half, four).get("artifacts");
    assertAll(
        () -> assertEquals(0, artifacts.get(1).get("kl_divergence").doubleValue(), 1e-9),
        () -> assertEquals(1, artifacts.get(1).get("top1_agreement").doubleValue()),
        () -> assertTrue(artifacts.get(2).get("kl_divergence").doubleValue() > 1e-4),
        () -> assertTrue(artifacts.get(2).get("top1_agreement").doubleValue() < 1),
        () -> assertTrue(artifacts.get(2).get("weights_bytes").longValue() < artifacts.get(0).get("weights_bytes").longValue()),
        () -> assertTrue(artifacts.get(2).get("decode_tokens_per_s").doubleValue() > 0));
  }

  @Test
  void aPlotNamesEveryArtifact() throws Exception {
    Path plot = folder.resolve("plot.svg");
    eval(half, four, "--plot", plot);
    String svg = Files.readString(plot);
    assertTrue(svg.contains(">half</text>") && svg.contains(">four</text>"), svg);
  }

  @Test
  void mistakesGetOneLine() throws Exception {
    Path binary = Files.write(folder.resolve("binary.txt"), new byte[] {(byte) 0xff, (byte) 0xfe});
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    refused("binary.txt", "--text", binary);
    refused("empty.txt", "--text", empty);
    refused("none.txt", "--text", folder.resolve("none.txt"));
    refused("--stride", "--text", text, "--stride", 600);
    refused("--window", "--text", text, "--window", 1);
  }

  private static void refused(String named, Object... options) {
    Object[] all = new Object[options.length + 2];
    all[0] = "eval";
    all[1] = half;
    System.arraycopy(options, 0, all, 2, options.length);
    CommandResult result = CatenaCommand.run(all);
    assertEquals(2, result.status(), result.err());
    assertEquals("", result.out());
    assertEquals(1, result.err().lines().count(), result.err());
    assertTrue(result.err().contains(named), result.err());
  }
}
