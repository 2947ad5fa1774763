package dev.catena.tests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxException;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.IrException;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Verifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nodes with wrong operands and attributes are refused by an error that names them, when imported or when evaluated. */
class MutatedNodeTest {
  /** Results larger than this aren't worked out here. */
  private static final long MOST = 1 << 16;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void isRefusedOrComputed(long seed) {
    Random random = new Random(seed);
    List<String> failures = new ArrayList<>();
    int evaluated = 0;
    int refused = 0;
    for (SingleNode original : OperationBreadthTest.nodes().toList()) {
      SingleNode node = original.mutated(random);
      try {
        evaluated += run(node, random) ? 1 : 0;
      } catch (OnnxException e) {
        refused++;
        if (!e.getMessage().startsWith("model.onnx: ")) {
          failures.add(node + ": " + e.getMessage());
        }
      } catch (IrException e) {
        refused++;
      } catch (Exception e) {
        failures.add(node + ": " + e + " at " + Stream.of(e.getStackTrace()).limit(4).toList());
      }
    }
    assertEquals("", String.join("\n", failures));
    assertTrue(evaluated > 20 && refused > 20, evaluated + " evaluated, " + refused + " refused");
  }

  /** Whether the node was evaluated; what it gives is then of the type that was promised. */
  private boolean run(SingleNode node, Random random) {
    boolean constant = random.nextBoolean();
    try (ImportedModel model = OnnxImporter.importStage(node.write(folder.resolve("model.onnx"), random.nextBoolean(), constant))) {
      Verifier.verify(model.module());
      Stage stage = model.module().stages().get(0);
      if (stage.operations().stream().flatMap(op -> op.results().stream()).anyMatch(v -> isLarge(v.tensorType()))) {
        return false;
      }
      List<EvalValue> given = new ArrayList<>();
      for (Value argument : stage.arguments()) {
        given.add(node.inputs().get(argument.name()));
      }
      // Sizes that are inputs may ask for anything: only constants were seen above.
      if (!constant && node.inputs().values().stream().anyMatch(t -> t.element() == ElementType.I64)) {
        return false;
      }
      List<EvalValue> got = new Evaluator().run(stage, given);
      for (int i = 0; i < got.size(); i++) {
        requirePromise(stage.outputs().get(i).tensorType(), (Tensor) got.get(i));
      }
      return true;
    }
  }

  private static boolean isLarge(TensorType t) {
    return !t.isStatic() || t.shape().stream().anyMatch(d -> d.value() > MOST) || t.rank() > 12
        || t.shape().stream().mapToDouble(Dim::value).reduce(1, (a, b) -> a * b) > MOST;
  }

  private static void requirePromise(TensorType promised, Tensor got) {
    if (promised.element() != got.element() || promised.rank() != got.rank()) {
      throw new IllegalStateException(promised.text() + " was promised, came " + got.type().text());
    }
    for (int i = 0; i < got.rank(); i++) {
      if (promised.dim(i).isKnown() && promised.dim(i).value() != got.dim(i)) {
        throw new IllegalStateException(promised.text() + " was promised, came " + got.type().text());
      }
    }
  }
}
