package dev.catena.passes;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A decoder of the nn dialect with random weights, as {@code raise} leaves one: 4 heads over 2 KV heads of 6. */
final class SmallDecoder {
  static final int HIDDEN = 24;
  static final int HEADS = 4;
  static final int KV_HEADS = 2;
  static final int DIM = 6;
  static final int FFN = 20;
  static final int POSITIONS = 16;

  final Module module = new Module("small");
  final Stage stage = new Stage("decoder_0");
  private final Random random = new Random(11);

  SmallDecoder() {
    Value x = stage.addArgument("x", type(ElementType.F32, "seq", HIDDEN));
    Value mask = stage.addArgument("mask", new TensorType(ElementType.F32,
        List.of(Dim.of(1), Dim.of(1), Dim.symbol("seq"), Dim.symbol("total"))));
    Value positions = stage.addArgument("positions",
        new TensorType(ElementType.I64, List.of(Dim.of(1), Dim.symbol("seq"))));
    TensorType past = new TensorType(ElementType.F32,
        List.of(Dim.of(1), Dim.of(KV_HEADS), Dim.symbol("past"), Dim.of(DIM)));
    Value pastKey = stage.addArgument("past_key", past);
    Value pastValue = stage.addArgument("past_value", past);
    Value cos = weight("cos", POSITIONS, DIM);
    Value sin = weight("sin", POSITIONS, DIM);
    Value n1 = op("nn.rms_norm", Map.of("eps", Attribute.of(1e-5)), x, weight("n1", HIDDEN)).result();
    Value q = linear("q", n1, HEADS * DIM);
    Value k = linear("k", n1, KV_HEADS * DIM);
    Value v = linear("v", n1, KV_HEADS * DIM);
    Map<String, Attribute> dim = Map.of("dim", Attribute.of(DIM));
    Operation attention = op("nn.past_attention",
        Map.of("heads", Attribute.of(HEADS), "kv_heads", Attribute.of(KV_HEADS), "scale", Attribute.of(0.4)),
        op("nn.rope", dim, q, cos, sin, positions).result(), op("nn.rope", dim, k, cos, sin, positions).result(), v,
        pastKey, pastValue, mask);
    Value h = op("nn.add", Map.of(), x, linear("o", attention.result(0), HIDDEN)).result();
    Value n2 = op("nn.rms_norm", Map.of("eps", Attribute.of(1e-5)), h, weight("n2", HIDDEN)).result();
    Value gate = linear("gate", n2, FFN);
    Value up = linear("up", n2, FFN);
    Value y = op("nn.add", Map.of(), h,
        linear("down", op("nn.swiglu", Map.of(), gate, up).result(), HIDDEN)).result();
    stage.addOutput("y", y);
    stage.addOutput("present_key", attention.result(1));
    stage.addOutput("present_value", attention.result(2));
    Map.of("role", "decoder", "arg.hidden", "x", "arg.mask", "mask", "arg.positions", "positions", "arg.past_key",
            "past_key", "arg.past_value", "past_value", "out.hidden", "y", "out.present_key", "present_key",
            "out.present_value", "present_value")
        .forEach((name, value) -> stage.setAttribute(name, Attribute.of(value)));
    module.addStage(stage);
  }

  static TensorType type(ElementType e, String symbol, long width) {
    return new TensorType(e, List.of(Dim.of(1), Dim.symbol(symbol), Dim.of(width)));
  }

  Operation op(String name, Map<String, Attribute> attributes, Value... operands) {
    return stage.append(Dialects.get(name), Arrays.asList(operands), attributes);
  }

  private Value linear(String name, Value x, int rows) {
    return op("nn.linear", Map.of(), x, weight(name, rows, Math.toIntExact(x.tensorType().dim(-1).value()))).result();
  }

  private Value weight(String name, long... shape) {
    return module.addWeight(name, new LiteralWeight(random(shape))).value();
  }

  Tensor random(long... shape) {
    Tensor t = new Tensor(ElementType.F32, shape);
    for (int i = 0; i < t.size(); i++) {
      t.set(i, random.nextGaussian() * 0.4);
    }
    return t;
  }

  void run(String pipeline) {
    Pipeline.parse(pipeline).run(module, new PassContext(), true, (step, pass, m) -> { });
  }
}
