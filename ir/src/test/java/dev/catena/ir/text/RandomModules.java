package dev.catena.ir.text;

import dev.catena.ir.Attribute;
import dev.catena.ir.Block;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ConcatenatedWeight;
import dev.catena.ir.Dialects;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupFit;
import dev.catena.ir.KvType;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.RandomWeight;
import dev.catena.ir.ReshapedWeight;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Type;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;

/** Valid modules of all that a module may hold: types, attributes, weights, names, regions. */
final class RandomModules {
  private static final double[] REALS = {0, -0.0, 1, -1.5, 1e-5, 1e300, Double.MIN_VALUE, Double.NaN,
      Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0.1, 65504, 1.0f / 3};
  private static final String[] NAMES = {"x", "true", "nan", "return", "a.b", "a-b", "0", "odd name", "\"", "\\", "\n",
      "\u00e9\u0000\u2028", "_", "stage", "inf", "%", "@", "//", "q_1", "", "a".repeat(64), "f16"};
  private static final ElementType[] ELEMENTS = ElementType.values();

  private final Random random;

  RandomModules(long seed) {
    random = new Random(seed);
  }

  Module module() {
    Module m = new Module(name());
    attributes().forEach(m::setAttribute);
    for (int i = random.nextInt(5); i > 0; i--) {
      m.addWeight(name(), weight(matrix()));
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      Stage stage = new Stage(name() + i);
      attributes().forEach(stage::setAttribute);
      for (int a = random.nextInt(5); a > 0; a--) {
        stage.addArgument(name() + a, type());
      }
      fill(m, stage, 2);
      for (int o = random.nextInt(4); o > 0; o--) {
        some(values(m, stage)).ifPresent(v -> stage.addOutput(name() + stage.outputs().size(), v));
      }
      m.addStage(stage);
    }
    return m;
  }

  private String name() {
    return NAMES[random.nextInt(NAMES.length)];
  }

  private java.util.Optional<Value> some(List<Value> all) {
    return all.isEmpty() ? java.util.Optional.empty() : java.util.Optional.of(all.get(random.nextInt(all.size())));
  }

  private static List<Value> values(Module m, Block block) {
    List<Value> all = new ArrayList<>(block.arguments());
    block.operations().forEach(op -> all.addAll(op.results()));
    m.weights().values().forEach(w -> all.add(w.value()));
    return all;
  }

  private void fill(Module m, Block block, int depth) {
    for (int i = random.nextInt(6); i > 0; i--) {
      List<Value> tensors = values(m, block).stream().filter(v -> v.type() instanceof TensorType).toList();
      Operation op;
      if (tensors.isEmpty() || random.nextInt(3) == 0) {
        op = block.append(Dialects.get("onnx.Constant"), List.of(), Map.of("value", new Attribute.Dense(tensor())));
      } else if (depth > 0 && random.nextInt(3) == 0) {
        op = choice(m, block, tensors, depth);
      } else {
        op = block.append(Dialects.get("onnx.Identity"), List.of(some(tensors).get()), Map.of());
      }
      op.results().forEach(r -> r.rename(name()));
    }
  }

  /** An If whose branches return what they were given or computed, of one type. */
  private Operation choice(Module m, Block block, List<Value> tensors, int depth) {
    Operation condition = block.append(Dialects.get("onnx.Constant"), List.of(),
        Map.of("value", new Attribute.Dense(Tensor.ofLongs(ElementType.BOOL, new long[] {random.nextInt(2)}))));
    List<Value> operands = new ArrayList<>(List.of(condition.result()));
    for (int i = random.nextInt(3); i >= 0; i--) {
      operands.add(some(tensors).get());
    }
    List<Block> branches = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Block branch = new Block();
      operands.subList(1, operands.size()).forEach(v -> branch.addArgument(name() + branch.arguments().size(), v.type()));
      fill(m, branch, depth - 1);
      branch.addOutput(branch.append(Dialects.get("onnx.Identity"), List.of(branch.arguments().get(0)), Map.of()).result());
      branches.add(branch);
    }
    return block.append(Dialects.get("onnx.If"), operands, Map.of(), 1, branches);
  }

  private Map<String, Attribute> attributes() {
    Map<String, Attribute> all = new java.util.TreeMap<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      all.put(name(), attribute());
    }
    return all;
  }

  private Attribute attribute() {
    return switch (random.nextInt(9)) {
      case 0 -> Attribute.of(random.nextLong());
      case 1 -> Attribute.of(real());
      case 2 -> Attribute.of(name());
      case 3 -> Attribute.of(random.nextBoolean());
      case 4 -> new Attribute.Ints(list(() -> random.nextLong()));
      case 5 -> new Attribute.Reals(list(this::real));
      case 6 -> new Attribute.Texts(list(this::name));
      case 7 -> new Attribute.Element(element());
      default -> new Attribute.Dense(tensor());
    };
  }

  private <T> List<T> list(Supplier<T> one) {
    List<T> all = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      all.add(one.get());
    }
    return all;
  }

  private double real() {
    return random.nextInt(3) == 0 ? Double.longBitsToDouble(random.nextLong()) : REALS[random.nextInt(REALS.length)];
  }

  private ElementType element() {
    return ELEMENTS[random.nextInt(ELEMENTS.length)];
  }

  private Type type() {
    return switch (random.nextInt(6)) {
      case 0 -> new KvType(element(), element(), 1 + random.nextInt(9), 1 + random.nextInt(9), 64);
      case 1 -> new SeqsType();
      default -> new TensorType(element(), list(() -> dim(3)));
    };
  }

  private Dim dim(int depth) {
    return switch (random.nextInt(depth == 0 ? 2 : 7)) {
      case 0 -> Dim.of(random.nextInt(100));
      case 1 -> Dim.symbol(name());
      case 2 -> dim(depth - 1).plus(dim(depth - 1));
      case 3 -> dim(depth - 1).minus(dim(depth - 1));
      case 4 -> dim(depth - 1).times(dim(depth - 1));
      case 5 -> dim(depth - 1).min(dim(depth - 1));
      default -> dim(depth - 1).max(dim(depth - 1));
    };
  }

  private Tensor tensor() {
    ElementType element = element();
    long[] shape = list(() -> (long) random.nextInt(3)).stream().mapToLong(n -> n).toArray();
    if (element == ElementType.STRING) {
      String[] texts = new String[(int) Tensor.count(shape)];
      java.util.Arrays.setAll(texts, i -> name());
      return Tensor.ofTexts(texts, shape);
    }
    Tensor t = new Tensor(element, shape);
    for (int i = 0; i < t.size(); i++) {
      if (element.isFloat()) {
        t.set(i, real());
      } else {
        t.setLong(i, element == ElementType.BOOL ? random.nextInt(2) : random.nextLong());
      }
    }
    return t;
  }

  private TensorType matrix() {
    return TensorType.of(random.nextBoolean() ? ElementType.F32 : ElementType.F16, 1 + random.nextInt(4),
        1 + random.nextInt(9));
  }

  private WeightData weight(TensorType type) {
    return switch (random.nextInt(4)) {
      case 0 -> {
        Tensor t = tensor();
        yield t.element() == ElementType.STRING ? new RandomWeight(5, type) : new LiteralWeight(t);
      }
      case 1 -> {
        ElementType code = List.of(ElementType.U2, ElementType.U3, ElementType.U4, ElementType.U8).get(random.nextInt(4));
        WeightData dense = view(type, 2);
        long columns = dense.tensorType().dim(1).value();
        yield new QuantizedWeight(dense, new QuantType(code, 1 + random.nextInt((int) columns),
            random.nextBoolean() ? ElementType.F16 : ElementType.F32, random.nextBoolean() ? code : null,
            dense.tensorType().shape()), random.nextBoolean() ? GroupFit.Scales.RANGE : GroupFit.Scales.SEARCH);
      }
      case 2 -> new ReshapedWeight(view(type, 0), new long[] {1, type.dim(0).value(), type.dim(1).value()});
      default -> view(type, 3);
    };
  }

  private WeightData view(TensorType type, int depth) {
    return switch (depth == 0 ? 0 : random.nextInt(4)) {
      case 1 -> new CastWeight(view(type, depth - 1), ElementType.F32);
      case 2 -> new TransposedWeight(view(type, depth - 1), new int[] {1, 0});
      case 3 -> new ConcatenatedWeight(List.of(new RandomWeight(1, type), new RandomWeight(2, type)));
      default -> new RandomWeight(random.nextLong(), type);
    };
  }
}
