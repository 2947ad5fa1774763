package dev.catena.tools;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A module as {@code share} leaves one of a Llama-like model, made from its sizes alone; its weights are random numbers. */
final class ShapeModel {
  private static final double EPSILON = 1e-5;

  private final ModelShape shape;
  private final Module module;
  private long seed;

  private ShapeModel(ModelShape shape) {
    this.shape = shape;
    module = new Module(shape.name());
  }

  static Module of(ModelShape shape) {
    ShapeModel model = new ShapeModel(shape);
    model.embed();
    Value cos = model.module.addWeight("rope.cos", model.rotation(true)).value();
    Value sin = model.module.addWeight("rope.sin", model.rotation(false)).value();
    for (int i = 0; i < shape.layers(); i++) {
      model.decoder(i, cos, sin);
    }
    model.norm();
    model.head();
    return model.module;
  }

  private void embed() {
    Stage stage = stage("embed", "embed");
    Value ids = stage.addArgument("input", new TensorType(ElementType.I64, List.of(Dim.of(1), Dim.symbol("seq"))));
    stage.addOutput("embed", op(stage, "nn.embedding", Map.of(), ids, matrix("embed.table", shape.vocabulary(), shape.hidden(), 1)).result());
  }

  private void decoder(int number, Value cos, Value sin) {
    Stage stage = stage("decoder_" + number, "decoder");
    int dim = shape.headDim();
    Value x = stage.addArgument("x", rows());
    Value mask = stage.addArgument("mask", new TensorType(ElementType.F32,
        List.of(Dim.of(1), Dim.of(1), Dim.symbol("seq"), Dim.symbol("total"))));
    Value positions = stage.addArgument("positions", new TensorType(ElementType.I64, List.of(Dim.of(1), Dim.symbol("seq"))));
    TensorType past = new TensorType(ElementType.F32, List.of(Dim.of(1), Dim.of(shape.kvHeads()), Dim.symbol("past"), Dim.of(dim)));
    Value pastKey = stage.addArgument("past_key", past);
    Value pastValue = stage.addArgument("past_value", past);
    Value normed = rmsNorm(stage, x);
    Value q = linear(stage, normed, shape.heads() * dim);
    Value k = linear(stage, normed, shape.kvHeads() * dim);
    Value v = linear(stage, normed, shape.kvHeads() * dim);
    Map<String, Attribute> rotary = Map.of("dim", Attribute.of(dim));
    Operation attention = op(stage, "nn.past_attention",
        Map.of("heads", Attribute.of(shape.heads()), "kv_heads", Attribute.of(shape.kvHeads()), "scale", Attribute.of(1 / Math.sqrt(dim))),
        op(stage, "nn.rope", rotary, q, cos, sin, positions).result(), op(stage, "nn.rope", rotary, k, cos, sin, positions).result(), v,
        pastKey, pastValue, mask);
    Value attended = op(stage, "nn.add", Map.of(), x, linear(stage, attention.result(0), shape.hidden())).result();
    Value again = rmsNorm(stage, attended);
    Value gated = op(stage, "nn.swiglu", Map.of(), linear(stage, again, shape.ffn()), linear(stage, again, shape.ffn())).result();
    stage.addOutput("y", op(stage, "nn.add", Map.of(), attended, linear(stage, gated, shape.hidden())).result());
    stage.addOutput("present_key", attention.result(1));
    stage.addOutput("present_value", attention.result(2));
    Map.of("arg.hidden", "x", "arg.mask", "mask", "arg.positions", "positions", "arg.past_key", "past_key", "arg.past_value",
            "past_value", "out.hidden", "y", "out.present_key", "present_key", "out.present_value", "present_value")
        .forEach((name, value) -> stage.setAttribute(name, Attribute.of(value)));
  }

  private void norm() {
    Stage stage = stage("norm", "norm");
    stage.addOutput("output", rmsNorm(stage, stage.addArgument("input", rows())));
  }

  private void head() {
    Stage stage = stage("head", "head");
    stage.addOutput("output", linear(stage, stage.addArgument("input", rows()), shape.vocabulary()));
  }

  private Stage stage(String name, String role) {
    Stage stage = new Stage(name);
    stage.setAttribute("role", Attribute.of(role));
    stage.setAttribute("source", Attribute.of(shape.name() + ModelShape.EXTENSION));
    module.addStage(stage);
    return stage;
  }

  private TensorType rows() {
    return new TensorType(ElementType.F32, List.of(Dim.of(1), Dim.symbol("seq"), Dim.of(shape.hidden())));
  }

  private static Operation op(Stage stage, String name, Map<String, Attribute> attributes, Value... operands) {
    return stage.append(Dialects.get(name), Arrays.asList(operands), attributes);
  }

  /** Near one, as norms' weights are. */
  private Value rmsNorm(Stage stage, Value x) {
    Value weight = module.addWeight(stage.name() + ".norm",
        GeneratedWeight.random(TensorType.of(ElementType.F32, shape.hidden()), ++seed, 1, 0.25f)).value();
    return op(stage, "nn.rms_norm", Map.of("eps", Attribute.of(EPSILON)), x, weight).result();
  }

  private Value linear(Stage stage, Value x, int outputs) {
    int inputs = Math.toIntExact(x.tensorType().dim(-1).value());
    return op(stage, "nn.linear", Map.of(), x, matrix(stage.name() + ".linear", outputs, inputs, (float) Math.sqrt(3.0 / inputs))).result();
  }

  private Value matrix(String name, int rows, int columns, float bound) {
    return module.addWeight(name, GeneratedWeight.random(TensorType.of(ElementType.F32, rows, columns), ++seed, 0, bound)).value();
  }

  /** Angles of rotary embeddings (Su et al., 2021), each half of a head's elements the same. */
  private GeneratedWeight rotation(boolean cosine) {
    int dim = shape.headDim();
    return new GeneratedWeight(TensorType.of(ElementType.F32, shape.positions(), dim), (cosine ? "cos " : "sin ") + shape.ropeTheta(), index -> {
      double angle = index / dim * Math.pow(shape.ropeTheta(), -2.0 * (index % dim % (dim / 2)) / dim);
      return (float) (cosine ? Math.cos(angle) : Math.sin(angle));
    });
  }
}
