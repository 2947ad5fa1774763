package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VerifierTest {
  private final Stage stage = new Stage("s");
  private final Value x = stage.addArgument("x", new TensorType(ElementType.F32, List.of(Dim.symbol("tokens"), Dim.of(8))));

  private Operation silu(Value of) {
    return stage.append(Dialects.get("nn.silu"), List.of(of), Map.of());
  }

  private void refused(String invariant) {
    IrException e = assertThrows(IrException.class, () -> Verifier.verify(stage));
    assertTrue(e.getMessage().startsWith(invariant + ":") && e.getMessage().contains("@s"), e.getMessage());
  }

  @Test
  void acceptsAWellFormedStage() {
    stage.addOutput("y", silu(silu(x).result()).result());
    assertDoesNotThrow(() -> Verifier.verify(stage));
  }

  @Test
  void aUseBeforeTheDefinitionBreaksDominance() {
    Operation first = silu(x);
    Operation second = silu(first.result());
    first.setOperand(0, second.result());
    stage.addOutput("y", second.result());
    refused("dominance");
  }

  @Test
  void aTypeThatTheOperandsDontGiveBreaksTypes() {
    Operation op = silu(x);
    op.result().setType(TensorType.of(ElementType.F32, 3));
    stage.addOutput("y", op.result());
    refused("types");
  }

  @Test
  void anUndeclaredAttributeBreaksArity() {
    Operation op = silu(x);
    op.setAttribute("colour", Attribute.of("red"));
    stage.addOutput("y", op.result());
    refused("arity");
  }

  @Test
  void aCacheWrittenTwiceBreaksLinearity() {
    KvType kv = new KvType(ElementType.F16, ElementType.F16, 1, 8, 64);
    Value cache = stage.addArgument("cache", kv);
    Value seqs = stage.addArgument("seqs", new SeqsType());
    Operation first = stage.append(Dialects.get("nn.kv_append"), List.of(cache, x, x, seqs), Map.of());
    stage.append(Dialects.get("nn.kv_append"), List.of(first.result(), x, x, seqs), Map.of());
    Operation again = stage.append(Dialects.get("nn.kv_append"), List.of(first.result(), x, x, seqs), Map.of());
    stage.addOutput("cache", again.result());
    refused("linearity");
  }
}
