package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.model.OnnxAttribute;
import dev.catena.tests.model.OnnxElement;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What attends to all positions looks like a language model without a cache until its mask is looked for: it is a graph. */
class EncoderWithVocabularyTest {
  private static final int VOCABULARY = 30;
  private static final int HEADS = 2;
  private static final int SIZE = 8;
  private static final int HIDDEN = HEADS * SIZE;

  @TempDir Path folder;

  private Path model(Object length) {
    ModelGraph g = new ModelGraph(17, 4);
    g.writer.input("input_ids", OnnxElement.I64, "batch", length);
    String x = g.op("Gather", List.of(g.weight(0, 1, VOCABULARY, HIDDEN), "input_ids"));
    String[] parts = new String[3];
    for (int i = 0; i < 3; i++) {
      parts[i] = g.turned(g.cut(g.linear(x, HIDDEN, HIDDEN, 1, true), HEADS, SIZE));
    }
    String scores = g.op("MatMul", List.of(parts[0], g.op("Transpose", List.of(parts[1]), OnnxAttribute.ints("perm", 0, 1, 3, 2))));
    String shares = g.op("Softmax", List.of(g.op("Div", List.of(scores, g.real(Math.sqrt(SIZE))))), OnnxAttribute.of("axis", -1));
    String side = g.op("Reshape", List.of(g.turned(g.op("MatMul", List.of(shares, parts[2]))), g.longs(0, 0, HIDDEN)));
    String sum = g.op("Add", List.of(x, g.linear(side, HIDDEN, HIDDEN, 1, true)));
    g.output("logits", g.linear(g.layerNorm(sum, HIDDEN, true), HIDDEN, VOCABULARY, 1, false));
    g.writer.output("logits", OnnxElement.F32, "batch", length, VOCABULARY);
    Path file = folder.resolve("encoder.onnx");
    g.writer.write(file);
    return file;
  }

  @Test
  void itIsCompiledAsAGraphWithANoteThatSaysWhy() {
    CommandResult result = CatenaCommand.run("compile", model("sequence"), "-o", folder.resolve("encoder.catena")).succeeded();
    assertTrue(result.err().contains("compiled as a graph of tensors") && result.err().contains("can't be compiled as a language model's decoder"),
        result.err());
  }

  @Test
  void soIsWhatTakesOneLengthOnly() {
    CommandResult result = CatenaCommand.run("compile", model(8), "-o", folder.resolve("encoder.catena")).succeeded();
    assertTrue(result.err().contains("compiled as a graph of tensors") && result.err().contains("sequences of 8 tokens only"), result.err());
  }
}
