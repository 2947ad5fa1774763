package dev.catena.tests.whole;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.Form;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.oracle.LogitsAssert;
import dev.catena.tests.oracle.NumpyArray;
import dev.catena.tests.oracle.OnnxRuntimeGraph;
import dev.catena.tests.shared.SharedFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A batch that is padded on the left, where {@code attention_mask} is 0, is to the runtime several sequences of different
 * lengths: padding is not fed, and the logits of what is are those of the batch.
 */
class LeftPaddedBatchTest {
  @TempDir Path folder;

  @Test
  void theSharedBatchOfTwoGivesItsReference() throws InterruptedException {
    Path source = SharedFiles.require("fixtures/nano-gqa/mono");
    Path archive = source.resolve("ref.npz");
    check(source.resolve("model.onnx"), NumpyArray.read(archive, "model/5/in/input_ids").rows(),
        NumpyArray.read(archive, "model/5/in/attention_mask").rows(), NumpyArray.read(archive, "model/5/out/logits").rows());
  }

  @Test
  void aGeneratedModelAgreesWithOnnxRuntime() throws InterruptedException {
    LlamaShape shape = LlamaShape.of(4, 2, 20, 96, 105, 2, 90);
    ExportStyle style = ExportStyle.F32.withDynamicBatch().with(Form.MASK_FROM_INTEGERS);
    Path file = LlamaModel.writeWhole(folder.resolve("whole"), shape, style, 5);
    int[] lengths = {75, 1, 70, 12};
    int width = 75;
    Random random = new Random(7);
    float[][] ids = new float[lengths.length][width];
    float[][] mask = new float[lengths.length][width];
    long[] positions = new long[lengths.length * width];
    for (int b = 0; b < lengths.length; b++) {
      for (int i = 0; i < width; i++) {
        boolean fed = i >= width - lengths[b];
        ids[b][i] = fed ? random.nextInt(shape.vocab()) : 0;
        mask[b][i] = fed ? 1 : 0;
        positions[b * width + i] = fed ? i - (width - lengths[b]) : 1;
      }
    }
    Map<String, Tensor> given = new HashMap<>(Map.of("input_ids", longs(ids), style.names().mask(), longs(mask),
        style.names().positions(), Tensor.i64(positions, lengths.length, width)));
    for (int i = 0; i < shape.layers(); i++) {
      for (String part : List.of(".a", ".b")) {
        given.put("past." + i + part, new Tensor(ElementType.F32, lengths.length, shape.kvHeads(), 0, shape.headDim()));
      }
    }
    float[] logits = OnnxRuntimeGraph.run(file, given).get("logits");
    check(file, ids, mask, IntStream.range(0, logits.length / shape.vocab())
        .mapToObj(r -> Arrays.copyOfRange(logits, r * shape.vocab(), (r + 1) * shape.vocab())).toArray(float[][]::new));
  }

  private static Tensor longs(float[][] rows) {
    long[] all = Arrays.stream(rows).flatMapToLong(row -> IntStream.range(0, row.length).mapToLong(i -> (long) row[i])).toArray();
    return Tensor.i64(all, rows.length, rows[0].length);
  }

  /**
   * @param ids      [batch][width]
   * @param mask     [batch][width], 0 for padding
   * @param expected [batch · width][vocabulary]
   */
  private void check(Path model, float[][] ids, float[][] mask, float[][] expected) throws InterruptedException {
    Path artifact = folder.resolve("batch.catena");
    CatenaCommand.run("compile", model, "-o", artifact, "--activations", "f32", "--wbits", 32).succeeded();
    try (CatenaModel compiled = CatenaModel.open(artifact);
        Scheduler scheduler = compiled.newScheduler(SchedulerOptions.defaults().withPrefillRows(5))) {
      List<Request> requests = new ArrayList<>();
      List<List<float[]>> rows = new ArrayList<>();
      for (int b = 0; b < ids.length; b++) {
        List<float[]> own = new ArrayList<>();
        rows.add(own);
        requests.add(scheduler.submit(fed(ids[b], mask[b]), GenerationOptions.greedy().withMaxTokens(0)
            .withLogits((position, logits) -> {
              float[] row = new float[logits.remaining()];
              logits.get(row);
              own.add(row);
            })));
      }
      for (int b = 0; b < ids.length; b++) {
        Assertions.assertEquals(FinishReason.LENGTH, requests.get(b).await());
        int fed = rows.get(b).size();
        int end = (b + 1) * ids[b].length;
        LogitsAssert.assertClose(Arrays.copyOfRange(expected, end - fed, end), rows.get(b).toArray(float[][]::new), 1e-4,
            "sequence " + b + " of " + fed);
      }
    }
  }

  private static int[] fed(float[] ids, float[] mask) {
    return IntStream.range(0, ids.length).filter(i -> mask[i] != 0).map(i -> (int) ids[i]).toArray();
  }
}
