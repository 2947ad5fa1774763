package dev.catena.ir;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Each invariant of {@link Verifier} is broken once or more, and the message names it, the stage and the operation. */
class VerifierTest {
  private static final KvType CACHE = new KvType(ElementType.F16, ElementType.F16, 1, 8, 64);
  private static final TensorType ROWS = new TensorType(ElementType.F32, List.of(Dim.symbol("tokens"), Dim.of(8)));

  private final Module module = new Module("m");
  private final Stage stage = new Stage("s");
  private final Value x = stage.addArgument("x", ROWS);

  VerifierTest() {
    module.addStage(stage);
  }

  private Operation silu(Value of) {
    return stage.append(Dialects.get("nn.silu"), List.of(of), Map.of()).setOrigin("node 7");
  }

  private Operation op(String name, Map<String, Attribute> attributes, Value... operands) {
    return stage.append(Dialects.get(name), List.of(operands), attributes);
  }

  private void refused(String... parts) {
    IrException e = assertThrows(IrException.class, () -> Verifier.verify(module));
    assertTrue(e.getMessage().startsWith(parts[0] + ": "), e.getMessage());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void acceptsAWellFormedModule() {
    stage.addOutput("y", silu(silu(x).result()).result());
    assertDoesNotThrow(() -> Verifier.verify(module));
  }

  // dominance

  @Test
  void aUseBeforeTheDefinitionBreaksDominance() {
    Operation first = silu(x);
    Operation second = silu(first.result());
    first.setOperand(0, second.result());
    stage.addOutput("y", second.result());
    refused("dominance", "@s", "nn.silu (node 7)", "%silu");
  }

  @Test
  void aValueOfAnotherStageBreaksDominance() {
    Stage other = new Stage("other");
    stage.addOutput("y", other.addArgument("z", ROWS));
    refused("dominance", "@s", "%z");
  }

  @Test
  void aRegionThatReadsAroundItsArgumentsBreaksDominance() {
    Value c = stage.addArgument("c", TensorType.of(ElementType.BOOL));
    Block yes = new Block();
    yes.addArgument("x", ROWS);
    yes.addOutput(yes.append(Dialects.get("nn.silu"), List.of(x), Map.of()).result()); // x of the stage
    Block no = new Block();
    no.addOutput(no.addArgument("x", ROWS));
    stage.addOutput("y", stage.append(Dialects.get("onnx.If"), List.of(c, x), Map.of(), 1, List.of(yes, no)).result());
    refused("dominance", "@s", "nn.silu", "%x");
  }

  // arity

  @Test
  void anUndeclaredAttributeBreaksArity() {
    Operation op = silu(x);
    op.setAttribute("colour", Attribute.of("red"));
    stage.addOutput("y", op.result());
    refused("arity", "@s", "nn.silu", "colour");
  }

  @Test
  void anAttributeOfAnotherKindBreaksArity() {
    Value w = module.addWeight("w", new RandomWeight(1, TensorType.of(ElementType.F32, 8))).value();
    Operation op = op("nn.rms_norm", Map.of("eps", Attribute.of(0.1)), x, w);
    op.setAttribute("eps", Attribute.of("small"));
    refused("arity", "nn.rms_norm", "eps must be a real number");
  }

  @Test
  void aMissingOperandBreaksArity() {
    silu(x).setOperand(0, null);
    refused("arity", "nn.silu", "operand x is missing");
  }

  // types

  @Test
  void aTypeThatTheOperandsDontGiveBreaksTypes() {
    Operation op = silu(x);
    op.result().setType(TensorType.of(ElementType.F32, 3));
    stage.addOutput("y", op.result());
    refused("types", "@s", "nn.silu", "tensor<f32, [3]>", "tensor<f32, [?tokens, 8]>");
  }

  @Test
  void operandsThatDontFitTogetherBreakTypes() {
    Value w = module.addWeight("w", new RandomWeight(1, TensorType.of(ElementType.F32, 4, 8))).value();
    op("nn.linear", Map.of(), x, w);
    x.setType(TensorType.of(ElementType.F32, 2, 9));
    refused("types", "nn.linear");
  }

  // symbols

  @Test
  void aWeightThatTheModuleLacksBreaksSymbols() {
    Value w = new Module("other").addWeight("w", new RandomWeight(1, TensorType.of(ElementType.F32, 8))).value();
    op("nn.rms_norm", Map.of("eps", Attribute.of(0.1)), x, w);
    refused("symbols", "@s", "nn.rms_norm", "@w");
  }

  @Test
  void twoArgumentsOfOneNameBreakSymbols() {
    stage.addArgument("x", ROWS);
    refused("symbols", "@s", "two arguments are named x");
  }

  @Test
  void twoStagesOfOneNameBreakSymbols() {
    stage.addOutput("y", x);
    Stage second = new Stage("t");
    second.addArgument("x", ROWS);
    module.addStage(second);
    second.rename("s");
    refused("symbols", "two stages are named @s");
  }

  @Test
  void anAttributeThatNamesNoArgumentBreaksSymbols() {
    stage.setAttribute("arg.mask", Attribute.of("mask"));
    refused("symbols", "@s", "arg.mask");
  }

  // linearity

  @Test
  void aCacheWrittenTwiceBreaksLinearity() {
    Value cache = stage.addArgument("cache", CACHE);
    Value seqs = stage.addArgument("seqs", new SeqsType());
    op("nn.kv_append", Map.of(), cache, x, x, seqs);
    op("nn.kv_append", Map.of(), cache, x, x, seqs);
    refused("linearity", "@s", "nn.kv_append", "%cache");
  }

  @Test
  void aCacheReadBehindItsWriterBreaksLinearity() {
    Value cache = stage.addArgument("cache", CACHE);
    Value seqs = stage.addArgument("seqs", new SeqsType());
    op("nn.kv_append", Map.of(), cache, x, x, seqs);
    op("nn.attention", Map.of("heads", Attribute.of(1), "scale", Attribute.of(1.0)), x, cache, seqs);
    refused("linearity", "nn.attention", "%cache");
  }

  @Test
  void anOverwrittenCacheThatIsReturnedBreaksLinearity() {
    Value cache = stage.addArgument("cache", CACHE);
    Value seqs = stage.addArgument("seqs", new SeqsType());
    op("nn.kv_append", Map.of(), cache, x, x, seqs);
    stage.addOutput("cache", cache);
    refused("linearity", "@s", "%cache", "nn.kv_append has overwritten");
  }

  // interfaces

  @Test
  void aStageThatTakesAnotherTypeThanItIsGivenBreaksInterfaces() {
    stage.addOutput("y", x);
    Stage next = new Stage("next");
    next.addArgument("x", new TensorType(ElementType.F32, List.of(Dim.symbol("rows"), Dim.of(9))));
    module.addStage(next);
    refused("interfaces", "@s", "@next", "[?tokens, 8]", "[?rows, 9]");
  }

  @Test
  void namesOfDimensionsBelongToTheirStage() {
    stage.addOutput("y", x);
    Stage next = new Stage("next");
    next.addArgument("x", new TensorType(ElementType.F32, List.of(Dim.symbol("rows"), Dim.of(8))));
    module.addStage(next);
    assertDoesNotThrow(() -> Verifier.verify(module));
  }

  // storage

  @Test
  void aGroupLargerThanARowBreaksStorage() {
    quantized(new QuantType(ElementType.U4, 16, ElementType.F16, null, Dim.list(4, 8)));
    refused("storage", "@w", "group of 16", "rows of 8");
  }

  @Test
  void codesThatAreNoCodesBreakStorage() {
    quantized(new QuantType(ElementType.I64, 8, ElementType.F16, null, Dim.list(4, 8)));
    refused("storage", "@w", "u4 or u8");
  }

  @Test
  void scalesThatAreNoRealsBreakStorage() {
    quantized(new QuantType(ElementType.U8, 8, ElementType.I8, null, Dim.list(4, 8)));
    refused("storage", "@w", "scales");
  }

  @Test
  void zerosOfAnotherTypeBreakStorage() {
    quantized(new QuantType(ElementType.U4, 8, ElementType.F16, ElementType.U8, Dim.list(4, 8)));
    refused("storage", "@w", "zeros");
  }

  @Test
  void aQuantizedVectorBreaksStorage() {
    quantized(new QuantType(ElementType.U4, 8, ElementType.F16, null, Dim.list(8)));
    refused("storage", "@w", "two known");
  }

  @Test
  void aCacheWithoutHeadsBreaksStorage() {
    stage.addArgument("cache", new KvType(ElementType.F16, ElementType.F16, 0, 8, 64));
    refused("storage", "@s", "%cache", "positive");
  }

  private void quantized(QuantType type) {
    module.addWeight("w", new SymbolicWeight(type, "file(\"a\", 0, tensor<f32, [1]>)", "0".repeat(64)));
  }

  // uses

  @Test
  void aUserThatWasTakenAwayBreaksUses() {
    Operation op = silu(x);
    x.addUse(op, 1);
    refused("uses", "@s", "%x");
  }
}
