package dev.catena.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.Evaluator;
import dev.catena.ir.Sequences;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An embed piece that adds learned positions looks them up by where a step's rows stand. */
class EmbedPieceTest {
  private static final LlamaShape SHAPE = LlamaShape.of(4, 2, 20, 96, 105, 1, 40);

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"input_ids, position_ids", "a, b"})
  void positionsAreThoseOfTheStep(String ids, String positions) {
    PieceFolder pieces = LlamaModel.write(folder, SHAPE, ExportStyle.F32, 5);
    ModelGraph g = new ModelGraph(17, 3);
    g.writer.input(positions, OnnxElement.I64, 1, "seq");
    g.writer.input(ids, OnnxElement.I64, 1, "seq");
    String tokens = g.op("Gather", List.of(g.weight(0, 1, SHAPE.vocab(), SHAPE.hidden()), ids));
    g.output("hidden", g.op("Add", List.of(tokens, g.op("Gather", List.of(g.weight(0, 1, 40, SHAPE.hidden()), positions)))));
    g.writer.output("hidden", OnnxElement.F32, 1, "seq", SHAPE.hidden());
    g.writer.write(pieces.embed());
    long[] rows = {7, 104, 0};
    float[] expected = OnnxRuntimeGraph.run(pieces.embed(), Map.of(ids, Tensor.i64(rows, 1, 3), positions,
        Tensor.i64(new long[] {2, 3, 4}, 1, 3))).get("hidden");
    try (ImportedModel imported = OnnxImporter.importModel(folder)) {
      Pipeline.parse("fold,widen,clean,sizes,rope-tables,raise,causal-mask,share,merge,name,kv-cache{key=32 value=32}")
          .run(imported.module(), new PassContext());
      Stage embed = imported.module().stages().get(0);
      assertEquals(2, embed.arguments().size(), "tokens and seqs");
      Tensor hidden = (Tensor) new Evaluator().run(embed, List.of(Tensor.ofLongs(ElementType.I64, rows, 3), Sequences.single(2, 3))).get(0);
      assertArrayEquals(expected, hidden.floats(), 1e-6f);
    }
  }
}
