package dev.catena.passes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.Cache;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.KvType;
import dev.catena.ir.Operation;
import dev.catena.ir.Sequences;
import dev.catena.ir.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Passes on a decoder keep its meaning: each module is judged by the evaluator against the one before the pass. */
class DecoderPassesTest {
  private static final int[] STEPS = {3, 1, 2};

  /** Outputs of the steps with past tensors and an additive causal mask. */
  private static List<float[]> withPast(SmallDecoder d, List<Tensor> rows) {
    List<float[]> outputs = new ArrayList<>();
    Tensor pastKey = new Tensor(ElementType.F32, 1, SmallDecoder.KV_HEADS, 0, SmallDecoder.DIM);
    Tensor pastValue = pastKey;
    int past = 0;
    for (Tensor x : rows) {
      int n = (int) x.dim(1);
      Tensor mask = new Tensor(ElementType.F32, 1, 1, n, past + n);
      Tensor positions = new Tensor(ElementType.I64, 1, n);
      for (int r = 0; r < n; r++) {
        positions.setLong(r, past + r);
        for (int t = past + r + 1; t < past + n; t++) {
          mask.set(r * (past + n) + t, -Float.MAX_VALUE);
        }
      }
      List<EvalValue> out = new Evaluator().run(d.stage, List.of(x, mask, positions, pastKey, pastValue));
      outputs.add(((Tensor) out.get(0)).floats());
      pastKey = (Tensor) out.get(1);
      pastValue = (Tensor) out.get(2);
      past += n;
    }
    return outputs;
  }

  private static List<float[]> withCache(SmallDecoder d, List<Tensor> rows, KvType kv) {
    List<float[]> outputs = new ArrayList<>();
    Cache cache = Cache.empty(kv);
    int past = 0;
    for (Tensor x : rows) {
      int n = (int) x.dim(1);
      List<EvalValue> out = new Evaluator().run(d.stage,
          List.of(x.reshaped(n, SmallDecoder.HIDDEN), Sequences.single(past, n), cache));
      outputs.add(((Tensor) out.get(0)).floats());
      cache = (Cache) out.get(1);
      past += n;
    }
    return outputs;
  }

  private static List<Tensor> inputs(SmallDecoder d) {
    List<Tensor> rows = new ArrayList<>();
    for (int n : STEPS) {
      rows.add(d.random(1, n, SmallDecoder.HIDDEN));
    }
    return rows;
  }

  private static void same(List<float[]> expected, List<float[]> actual, double tolerance) {
    for (int s = 0; s < expected.size(); s++) {
      for (int i = 0; i < expected.get(s).length; i++) {
        assertEquals(expected.get(s)[i], actual.get(s)[i], tolerance, "step " + s + ", element " + i);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"clean", "share,merge", "merge,name", "fold,clean,merge,clean"})
  void passesBeforeTheCacheKeepTheMeaning(String pipeline) {
    SmallDecoder d = new SmallDecoder();
    List<Tensor> rows = inputs(d);
    List<float[]> expected = withPast(d, rows);
    d.run(pipeline);
    same(expected, withPast(d, rows), 1e-6);
  }

  @ParameterizedTest
  @ValueSource(strings = {"kv-cache{key=32 value=32}", "merge,name,kv-cache{key=32 value=32},widen",
      "merge,kv-cache{key=32 value=32},lower,plan", "kv-cache{key=32 value=32},lower,plan{rows=7}"})
  void theCacheMeansWhatPastTensorsMeant(String pipeline) {
    SmallDecoder d = new SmallDecoder();
    List<Tensor> rows = inputs(d);
    List<float[]> expected = withPast(d, rows);
    d.run(pipeline);
    same(expected, withCache(d, rows,
        new KvType(ElementType.F32, ElementType.F32, SmallDecoder.KV_HEADS, SmallDecoder.DIM, 64)), 1e-5);
  }

  @Test
  void mergeLeavesTwoWideLinearsAndTwoSingleOnes() {
    SmallDecoder d = new SmallDecoder();
    d.run("merge");
    assertEquals(4, d.stage.operations().stream().filter(o -> o.is("nn.linear")).count());
    assertEquals(2, d.stage.operations().stream().filter(o -> o.is("nn.split")).count());
  }

  @Test
  void namesSayWhatWeightsDo() {
    SmallDecoder d = new SmallDecoder();
    d.run("merge,name");
    assertEquals(List.of("decoder_0.down", "decoder_0.gate_up", "decoder_0.ln1", "decoder_0.ln2", "decoder_0.o",
        "decoder_0.qkv", "rope.cos", "rope.sin"), d.module.weights().keySet().stream().sorted().toList());
  }

  @Test
  void buffersThatLiveAtOnceDontOverlap() {
    SmallDecoder d = new SmallDecoder();
    d.run("merge,kv-cache,lower,plan{rows=5}");
    List<Operation> ops = d.stage.operations();
    for (int a = 0; a < ops.size(); a++) {
      long[] first = place(ops.get(a));
      int last = lastReader(ops, ops.get(a));
      for (int b = a + 1; first != null && b <= last; b++) {
        long[] second = place(ops.get(b));
        if (second != null) {
          assertTrue(first[0] + first[1] <= second[0] || second[0] + second[1] <= first[0],
              ops.get(a) + " and " + ops.get(b) + " share bytes");
        }
      }
    }
  }

  private static long[] place(Operation op) {
    String[] p = op.hasAttribute("place") ? op.textAttribute("place").split(" ") : new String[] {""};
    return p[0].equals("arena") ? new long[] {Long.parseLong(p[1]), Long.parseLong(p[2])} : null;
  }

  private static int lastReader(List<Operation> ops, Operation writer) {
    int last = ops.indexOf(writer);
    for (var use : writer.result(0).uses()) {
      if (use.user() != null) {
        last = Math.max(last, use.user().is("kernel.view") ? lastReader(ops, use.user()) : ops.indexOf(use.user()));
      }
    }
    return last;
  }

  @Test
  void anOperationThatWasNotRaisedIsNamed() {
    SmallDecoder d = new SmallDecoder();
    Operation tanh = d.op("onnx.Tanh", java.util.Map.of(), d.stage.outputs().get(0));
    tanh.setOrigin("d.onnx: node 'strange'");
    d.stage.setOutput(0, tanh.result());
    PassException e = assertThrows(PassException.class, () -> d.run("kv-cache"));
    assertTrue(e.getMessage().contains("onnx.Tanh") && e.getMessage().contains("d.onnx: node 'strange'"),
        e.getMessage());
  }
}
