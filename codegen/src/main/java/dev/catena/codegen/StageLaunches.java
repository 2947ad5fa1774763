package dev.catena.codegen;

import dev.catena.ir.Attribute;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.KvType;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import dev.catena.ir.Weight;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The launches of a planned stage: the module's kernel operations with their views, free of any target. */
public final class StageLaunches {
  private final Stage stage;
  private final LinearLaunch.Activations activations;
  private final List<Launch> launches = new ArrayList<>();
  private final List<StageWeight> weights = new ArrayList<>();
  private final Map<Weight, Integer> weightIndex = new IdentityHashMap<>();
  private final Map<Value, View> views = new IdentityHashMap<>();
  private KvFormat kv;

  private StageLaunches(Stage stage, LinearLaunch.Activations activations) {
    this.stage = stage;
    this.activations = activations;
  }

  /** Reads a stage that went through {@code lower} and {@code plan}; operations of another dialect are an error. */
  public static StageLaunches of(Stage stage, LinearLaunch.Activations activations) {
    StageLaunches s = new StageLaunches(stage, activations);
    if (s.readsRows()) {
      s.views.put(stage.arguments().get(0), View.of(new Buffer.StageInput(), s.inputWidth()));
    }
    for (Operation op : stage.operations()) {
      s.convert(op);
    }
    return s;
  }

  public Stage stage() {
    return stage;
  }

  public List<Launch> launches() {
    return List.copyOf(launches);
  }

  /** In the order of {@link Buffer.Weight#index()}. */
  public List<StageWeight> weights() {
    return List.copyOf(weights);
  }

  /** The stage's cache, where it has one. */
  public Optional<KvFormat> kv() {
    return Optional.ofNullable(kv);
  }

  /** Whether the stage reads rows of another stage, rather than token ids. */
  public boolean readsRows() {
    return ((TensorType) stage.arguments().get(0).type()).element().isFloat();
  }

  /** Columns of the rows that the stage reads; 0 where it reads token ids. */
  public int inputWidth() {
    return readsRows() ? columns(stage.arguments().get(0)) : 0;
  }

  public int outputWidth() {
    return columns(stage.outputs().get(0));
  }

  public RowCount inputRows() {
    return rows(stage.arguments().get(0));
  }

  public RowCount outputRows() {
    return rows(stage.outputs().get(0));
  }

  public long arenaBytes() {
    return stageNumber("plan.arena_bytes");
  }

  /** The most rows in a step. */
  public int maxRows() {
    return Math.toIntExact(stageNumber("plan.rows"));
  }

  private long stageNumber(String attribute) {
    if (stage.attributes().get(attribute) instanceof Attribute.Int i) {
      return i.value();
    }
    throw new IrException("stage @" + stage.name() + " wasn't planned");
  }

  private void convert(Operation op) {
    switch (op.name()) {
      case "kernel.view" -> views.put(op.result(), view(op.operand(0))
          .slice(Math.toIntExact(op.intAttribute("offset")), Math.toIntExact(op.intAttribute("columns"))));
      case "kernel.embedding" -> launches.add(embedding(op));
      case "kernel.select_rows" -> launches.add(new SelectRowsLaunch(view(op.operand(0)), place(op)));
      case "kernel.table_rows" -> launches.add(new EmbeddingLaunch(place(op), matrix(op.operand(0)),
          weight(op.operand(0), StageWeight.Use.EMBEDDING), EmbeddingLaunch.Key.POSITION, false));
      case "kernel.rms_norm" -> launches.add(new RmsNormLaunch(rows(op.result()), view(op.operand(0)), place(op),
          columns(op.operand(1)), weight(op.operand(1), StageWeight.Use.DENSE), (float) op.realAttribute("eps")));
      case "kernel.layer_norm" -> launches.add(layerNorm(op));
      case "kernel.linear" -> launches.add(linear(op));
      case "kernel.elementwise" -> launches.add(elementwise(op));
      case "kernel.rope_append" -> launches.add(ropeAppend(op));
      case "kernel.attention" -> launches.add(new AttentionLaunch(view(op.operand(0)), place(op),
          Math.toIntExact(op.intAttribute("heads")), (float) op.realAttribute("scale"),
          Math.toIntExact(op.intAttribute("window")), (float) op.realAttribute("softcap"), vector(op.operand(3)), vector(op.operand(4)),
          format((KvType) op.operand(1).type())));
      default -> throw op.broken("isn't a kernel launch");
    }
  }

  private EmbeddingLaunch embedding(Operation op) {
    boolean packed = op.flagAttribute("packed");
    return new EmbeddingLaunch(place(op), matrix(op.operand(1)),
        weight(op.operand(1), packed ? StageWeight.Use.LINEAR : StageWeight.Use.EMBEDDING), EmbeddingLaunch.Key.TOKEN, packed);
  }

  private LinearLaunch linear(Operation op) {
    return new LinearLaunch(rows(op.result()), view(op.operand(0)), place(op), matrix(op.operand(1)),
        weight(op.operand(1), StageWeight.Use.LINEAR),
        vector(op.operand(2)), Optional.ofNullable(op.operand(3)).map(this::view), activations);
  }

  private LayerNormLaunch layerNorm(Operation op) {
    int own = Math.toIntExact(op.intAttribute("parts"));
    return new LayerNormLaunch(rows(op.result()), view(op.operand(0)), place(op), columns(op.operand(1)) / own, own,
        weight(op.operand(1), StageWeight.Use.DENSE), vector(op.operand(2)), (float) op.realAttribute("eps"));
  }

  private LoopNestLaunch elementwise(Operation op) {
    int columns = columns(op.result());
    LoopNest nest = new LoopNest(columns, function(op, new LoopNest.Load(0), new LoopNest.Load(1)));
    return new LoopNestLaunch(rows(op.result()), nest, op.operands().stream().map(this::view).toList(), place(op));
  }

  private static LoopNest.Expression function(Operation op, LoopNest.Expression a, LoopNest.Expression b) {
    return switch (op.textAttribute("function")) {
      case "add" -> LoopNest.binary(LoopNest.BinaryOperation.ADD, a, b);
      case "mul" -> LoopNest.binary(LoopNest.BinaryOperation.MULTIPLY, a, b);
      case "silu" -> LoopNest.swish(a, 1);
      case "swish" -> LoopNest.swish(a, (float) op.realAttribute("factor"));
      case "gelu" -> LoopNest.gelu(a);
      case "gelu_tanh" -> LoopNest.geluTanh(a);
      case "relu" -> LoopNest.binary(LoopNest.BinaryOperation.MAXIMUM, a, new LoopNest.Constant(0));
      case "scale" -> LoopNest.times((float) op.realAttribute("factor"), a);
      case "softcap" -> LoopNest.softcap(a, (float) op.realAttribute("cap"));
      case "swiglu" -> LoopNest.binary(LoopNest.BinaryOperation.MULTIPLY, LoopNest.swish(a, 1), b);
      case "geglu" -> LoopNest.binary(LoopNest.BinaryOperation.MULTIPLY, LoopNest.gelu(a), b);
      case "geglu_tanh" -> LoopNest.binary(LoopNest.BinaryOperation.MULTIPLY, LoopNest.geluTanh(a), b);
      default -> throw op.broken("there is no function " + op.textAttribute("function"));
    };
  }

  private RopeAppendLaunch ropeAppend(Operation op) {
    kv = format((KvType) op.result(1).type());
    boolean rotates = op.operand(3) != null;
    TensorType table = rotates ? op.operand(3).tensorType() : null;
    Buffer.Weight cos = rotates ? weight(op.operand(3), StageWeight.Use.DENSE) : new Buffer.Weight(0);
    Buffer.Weight sin = rotates ? weight(op.operand(4), StageWeight.Use.DENSE) : new Buffer.Weight(0);
    return new RopeAppendLaunch(view(op.operand(0)), view(op.operand(1)), view(op.operand(2)), place(op), cos, sin,
        rotates && table.element() == ElementType.F16, rotates ? Math.toIntExact(table.dim(0).value()) : 0,
        rotates ? columns(op.operand(3)) : 0, op.intAttribute("interleaved") != 0, Math.toIntExact(op.intAttribute("heads")), kv);
  }

  private Optional<Buffer.Weight> vector(Value v) {
    return Optional.ofNullable(v).map(weight -> weight(weight, StageWeight.Use.DENSE));
  }

  private View view(Value v) {
    View view = views.get(v);
    if (view == null) {
      throw new IrException("stage @" + stage.name() + ": %" + v.name() + " has no place in memory");
    }
    return view;
  }

  /** The place that {@code plan} gave to the first result. */
  private View place(Operation op) {
    String[] place = op.textAttribute("place").split(" ");
    Buffer buffer = place[0].equals("output") ? new Buffer.StageOutput()
        : new Buffer.Arena(Long.parseLong(place[1]), Long.parseLong(place[2]));
    View view = View.of(buffer, columns(op.result()));
    views.put(op.result(), view);
    return view;
  }

  private Buffer.Weight weight(Value v, StageWeight.Use use) {
    if (v.weight() == null) {
      throw new IrException("stage @" + stage.name() + ": %" + v.name() + " must be a weight");
    }
    Integer known = weightIndex.get(v.weight());
    if (known == null) {
      known = weights.size();
      weightIndex.put(v.weight(), known);
      weights.add(new StageWeight(v.weight(), use, matrix(v)));
    } else if (weights.get(known).use() != use) {
      throw new IrException("stage @" + stage.name() + ": weight @" + v.name() + " is read in two ways");
    }
    return new Buffer.Weight(known);
  }

  private static MatrixType matrix(Value v) {
    if (v.type() instanceof QuantType q) {
      MatrixType type = MatrixType.quantized(Math.toIntExact(q.rows()), Math.toIntExact(q.columns()), q.code().bits(),
          Math.toIntExact(q.group()), q.zero() == null);
      return q.scale() == ElementType.F16 ? type : type.withF32Scales();
    }
    TensorType t = v.tensorType();
    int rows = t.rank() == 1 ? 1 : Math.toIntExact(t.dim(0).value());
    int columns = Math.toIntExact(t.dim(-1).value());
    return switch (t.element()) {
      case F32 -> MatrixType.f32(rows, columns);
      case F16 -> MatrixType.f16(rows, columns);
      default -> throw new IrException("a weight stored as " + t.element().keyword() + " has no kernel");
    };
  }

  private static KvFormat format(KvType kv) {
    return new KvFormat(element(kv.key()), element(kv.value()), Math.toIntExact(kv.heads()),
        Math.toIntExact(kv.dim()));
  }

  private static KvFormat.Element element(ElementType e) {
    return switch (e) {
      case F32 -> KvFormat.Element.F32;
      case F16 -> KvFormat.Element.F16;
      case U8 -> KvFormat.Element.U8;
      case U4 -> KvFormat.Element.U4;
      default -> throw new IrException("a cache stored as " + e.keyword() + " has no kernel");
    };
  }

  private static int columns(Value v) {
    return Math.toIntExact(((TensorType) v.type()).dim(-1).value());
  }

  /** Selected rows carry the dimension that {@code select-rows} gave them. */
  private static RowCount rows(Value v) {
    return ((TensorType) v.type()).dim(0).toString().equals("?selected") ? RowCount.SELECTED : RowCount.STEP;
  }
}
