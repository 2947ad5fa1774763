package dev.catena.frontend.onnx;

import dev.catena.frontend.onnx.OnnxGraph.Dimension;
import dev.catena.frontend.onnx.OnnxGraph.Node;
import dev.catena.frontend.onnx.OnnxGraph.ValueInfo;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Imports one graph into a stage of the {@code onnx} dialect. */
final class GraphImporter {
  /**
   * Constants of up to this many elements stand inline; so do integers of up to {@link #INLINE_INTEGERS}. Parameters (the
   * initializers that are vectors of reals, such as a norm's scale) stay weights however small they are: layers that differ
   * in them alone must look alike.
   */
  private static final int INLINE = 64;
  private static final int INLINE_INTEGERS = 1024;

  private final OnnxGraph graph;
  private boolean distrustful;
  private final Stage stage;
  private final WeightPool weights;
  private final TensorLoader loader;
  private final NameHints hints = new NameHints();
  private final StageBuilder out;
  private final NodeForms forms;
  private final SequenceForms sequences;
  private final ControlFlowForms controlFlow;
  private boolean languageModel;
  private final ScopedNames names = new ScopedNames();
  private final Map<String, Value> arguments = new LinkedHashMap<>();
  private final Map<String, Tensor> assumed = new HashMap<>();

  GraphImporter(OnnxGraph graph, String stageName, Path path, OpenFiles files, WeightPool weights) {
    this.graph = graph;
    this.stage = new Stage(stageName);
    graph.initializers().forEach(names::define);
    this.weights = weights;
    this.loader = new TensorLoader(graph.file(), path, files);
    this.out = new StageBuilder(stage, graph.fileName(), hints);
    QuantizedConstants quantized = new QuantizedConstants(out, weights);
    this.sequences = new SequenceForms(new FormBuilder(out));
    this.controlFlow = new ControlFlowForms(graph, out, hints, names, sequences, new ControlFlowForms.Nodes() {
      @Override
      public Value value(String name) {
        return GraphImporter.this.value(name);
      }

      @Override
      public void importNode(Node node) {
        GraphImporter.this.importNode(node);
      }
    });
    this.forms = new NodeForms(out, hints, loader, graph.opset(), new ContribForms(out, weights, quantized), quantized);
  }

  /** The graph is a language model or a piece of one, not any graph. */
  void ofLanguageModel() {
    languageModel = true;
    forms.ofLanguageModel();
  }

  /** The name of the stage's argument that the graph's input {@code input} became. */
  String argumentName(String input) {
    return arguments.get(input).name();
  }

  /** From now on the input is no argument but this constant. */
  void assume(String input, Tensor value) {
    assumed.put(input, value);
  }

  /**
   * A symbol that stands twice among an input's dimensions isn't taken for one size: exporters name all axes that they were
   * told about alike, and ONNX Runtime doesn't mind.
   */
  void distrustRepeatedSymbols() {
    distrustful = true;
  }

  /** Imports with the inputs and outputs in the given order. */
  Stage run(List<ValueInfo> inputs, List<ValueInfo> outputs) {
    outputs.forEach(output -> requireTensor(output, graph.fileName() + ": output '" + output.name() + "'"));
    for (ValueInfo input : inputs) {
      if (arguments.containsKey(input.name())) {
        throw new OnnxException(graph.fileName() + ": two inputs are named '" + input.name() + "'");
      }
      if (assumed.containsKey(input.name())) {
        names.put(input.name(), out.constant(assumed.get(input.name()), input.name()));
        continue;
      }
      String name = hints.argument(input.name());
      TensorType type = type(input, name);
      if (languageModel && StackedCache.fits(type)) {
        TensorType half = type.withShape(type.shape().subList(1, type.rank()));
        names.put(input.name(), StackedCache.joined(out, stage.addArgument(hints.argument(name + "_key"), half),
            stage.addArgument(hints.argument(name + "_value"), half)));
        continue;
      }
      Value argument = stage.addArgument(name, type);
      arguments.put(input.name(), argument);
      names.put(input.name(), argument);
    }
    for (Node node : NodeOrder.of(graph)) {
      out.begin(node);
      importNode(node);
    }
    for (ValueInfo output : outputs) {
      Value v = names.knows(output.name()) ? value(output.name()) : null;
      if (v == null) {
        throw new OnnxException(graph.fileName() + ": output '" + output.name() + "' is computed by no node");
      }
      ElementType declared = ElementTypes.of(output.elementType());
      if (declared != null && v.tensorType().element() != declared) {
        throw new OnnxException(graph.fileName() + ": output '" + output.name() + "' is declared as "
            + declared.keyword() + ", its node gives " + v.tensorType().element().keyword());
      }
      if (languageModel && StackedCache.fits(v.tensorType()) && StackedCache.isStack(v)) {
        stage.addOutput(NameHints.plain(output.name()) + "_key", StackedCache.part(out, v, 0));
        stage.addOutput(NameHints.plain(output.name()) + "_value", StackedCache.part(out, v, 1));
        continue;
      }
      stage.addOutput(NameHints.plain(output.name()), v);
    }
    return stage;
  }

  private static void requireTensor(ValueInfo v, String what) {
    if (v.other() != null) {
      throw new UnsupportedTypeException(what + " is of type " + v.other() + ", which isn't supported", v.other());
    }
  }

  private TensorType type(ValueInfo input, String name) {
    String what = graph.fileName() + ": input '" + input.name() + "'";
    requireTensor(input, what);
    if (input.shape() == null) {
      throw new OnnxException(what + " isn't a tensor of known rank");
    }
    ElementType e = ElementTypes.require(input.elementType(), what);
    List<Dim> dims = new ArrayList<>();
    for (Dimension d : input.shape()) {
      if (d.isKnown()) {
        dims.add(Dim.of(d.value()));
      } else {
        Dim symbol = Dim.symbol(d.symbol().isEmpty() ? name + "_" + dims.size() : NameHints.plain(d.symbol()));
        dims.add(distrustful && dims.contains(symbol) ? Dim.symbol(NameHints.plain(d.symbol()) + "_axis" + dims.size()) : symbol);
      }
    }
    return new TensorType(e, dims);
  }

  /**
   * A node that is wrong in a way that nobody thought of is refused like any other. What is wrong with a graph inside it has
   * been said about the node there.
   */
  private void importNode(Node node) {
    try {
      convert(node);
    } catch (OnnxException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError e) {
      throw new OnnxException(out.origin() + ": " + node.operation() + " can't be understood: "
          + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), e);
    }
  }

  private void convert(Node node) {
    if (node.is("Constant")) {
      if (node.outputs().isEmpty()) {
        throw out.broken("has no output");
      }
      names.put(node.outputs().get(0), constant(node));
      return;
    }
    if (ControlFlowForms.isControlFlow(node)) {
      List<Value> results = controlFlow.convert(node);
      for (int i = 0; i < node.outputs().size(); i++) {
        names.put(node.outputs().get(i), results.get(i));
      }
      return;
    }
    List<Value> operands = new ArrayList<>();
    boolean ofSequences = SequenceForms.isAboutSequences(node);
    for (String name : node.inputs()) {
      operands.add(name.isEmpty() || ofSequences && sequences.knows(name) ? null : value(name));
    }
    List<Value> results = ofSequences ? Collections.singletonList(sequences.convert(node, operands)) : forms.convert(node, operands);
    for (int i = 0; i < results.size(); i++) {
      if (i < node.outputs().size() && !node.outputs().get(i).isEmpty() && results.get(i) != null) {
        names.put(node.outputs().get(i), results.get(i));
      }
    }
  }

  /** The value of that name; an initializer becomes a value where it is first used. */
  private Value value(String name) {
    Value v = names.value(name);
    if (v == null) {
      OnnxTensor t = names.tensor(name);
      if (t == null) {
        throw out.broken("reads '" + name + "', a result that the operation it is named for doesn't give");
      }
      TensorType type = loader.type(t);
      v = type.element().isFloat() && type.rank() > 0 && loader.elements(t) > 1 ? weight(t, name) : literal(t, name);
      names.put(name, v);
    }
    return v;
  }

  /** A small tensor as an operation, a large one as a weight that stays in the file. */
  private Value literal(OnnxTensor t, String name) {
    TensorType type = loader.type(t);
    long n = loader.elements(t);
    boolean inline = n <= INLINE || type.element().isInteger() && n <= INLINE_INTEGERS
        || type.element() == ElementType.STRING;
    if (inline) {
      return out.constant(loader.tensor(t), name);
    }
    return weight(t, name);
  }

  private Value weight(OnnxTensor t, String name) {
    return weights.add(stage.name() + "." + NameHints.plain(NameHints.withoutCounter(name)), loader.data(t)).value();
  }

  private Value constant(Node node) {
    if (node.attributes().size() != 1) {
      throw out.broken("has " + node.attributes().size() + " attributes, one is needed");
    }
    OnnxAttribute a = node.attributes().values().iterator().next();
    String name = node.outputs().get(0);
    Tensor value;
    switch (a.name()) {
      case "value" -> {
        if (a.tensor() == null) {
          throw out.broken("has a value that isn't a tensor");
        }
        return literal(a.tensor(), name);
      }
      case "value_float" -> value = Tensor.f32(new float[] {a.real()});
      case "value_floats" -> value = Tensor.f32(a.reals(), a.reals().length);
      case "value_int" -> value = Tensor.i64(new long[] {a.integer()});
      case "value_ints" -> value = Tensor.i64(a.integers(), a.integers().length);
      case "value_string" -> value = Tensor.ofTexts(new String[] {a.text()});
      case "value_strings" -> value = Tensor.ofTexts(a.texts().toArray(String[]::new), a.texts().size());
      default -> throw out.broken("has the attribute '" + a.name() + "', which Catena doesn't support");
    }
    return out.constant(value, name);
  }
}
