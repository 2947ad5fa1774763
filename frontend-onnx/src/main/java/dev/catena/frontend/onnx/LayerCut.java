package dev.catena.frontend.onnx;

import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * Cuts a whole model, imported as one stage, into embed, decoders, norm and head. Cuts are made through the residual
 * stream only ({@link ResidualStream}): a decoder begins at the last bottleneck that is free of its past, or, in a model that
 * was exported without a cache, of what it attends to. What a stage takes
 * from outside the stream (masks, cosines and sines, shapes) it computes itself from its own arguments.
 */
final class LayerCut {
  private final WholeModel model;
  private final List<Value> stream;
  private final List<Layer> layers = new ArrayList<>();
  private final Value normed;
  private final List<Stage> stages = new ArrayList<>();

  /** Where a layer begins in the stream, and its cache, if the model has one. */
  private record Layer(Value begin, int index, Value pastKey, Value pastValue) {
    static Layer withoutCache(Value begin, int index) {
      return new Layer(begin, index, null, null);
    }
  }

  private LayerCut(WholeModel model) {
    this.model = model;
    ResidualStream residual = ResidualStream.of(model.stage(), model.ids(), model.logits());
    stream = residual.bottlenecks();
    if (model.caches().isEmpty()) {
      findLayersByAttention();
    } else {
      findLayers();
    }
    Layer last = layers.get(layers.size() - 1);
    int end = -1;
    int norm = -1;
    for (int i = last.index + 1; i < stream.size(); i++) {
      Value v = stream.get(i);
      if (residual.joins().contains(v)) {
        end = i;
      }
      if (v != model.logits() && v.tensorType().dim(-1).equals(last.begin.tensorType().dim(-1))) {
        norm = i;
      }
    }
    if (end < 0) {
      throw new OnnxException(model.file() + ": behind the last attention, from '" + last.begin.name() + "' on, nothing is added to the residual stream, so the end of the last layer can't be found; split the model into embed, decoder-N,"
          + " norm and head pieces");
    }
    if (norm <= end) {
      throw new OnnxException(model.file() + ": no norm stands between the last layer (" + origin(stream.get(end))
          + ") and the logits; split the model into embed, decoder-N, norm and head pieces");
    }
    layers.add(Layer.withoutCache(stream.get(end), end));
    normed = stream.get(norm);
  }

  /** The stages, in order, with the attributes that {@link OnnxImporter#importModel} promises, but for {@code source}. */
  static List<Stage> stages(WholeModel model) {
    LayerCut cut = new LayerCut(model);
    cut.cut();
    return cut.stages;
  }

  private static String origin(Value v) {
    return v.producer() == null ? "input '" + v.name() + "'" : v.producer().origin();
  }

  private void findLayers() {
    TreeMap<Integer, List<Value>> pastsByBegin = new TreeMap<>();
    for (Value past : model.caches().keySet()) {
      int begin = begin(past);
      if (begin + 1 < stream.size()) {
        pastsByBegin.computeIfAbsent(begin, k -> new ArrayList<>()).add(past);
      }
    }
    if (pastsByBegin.isEmpty()) {
      throw new OnnxException(model.file() + ": no past key or value has any effect on the logits; export the model again"
          + " with its KV cache");
    }
    pastsByBegin.forEach((index, pasts) -> {
      if (pasts.size() != 2) {
        throw new OnnxException(model.file() + ": " + pasts.size() + " caches (" + pasts.get(0).name() + " …) meet the"
            + " hidden state between the same two places of the residual stream; a layer has two, key and value");
      }
      boolean firstIsKey = CacheParts.isKey(pasts.get(0), pasts.get(1));
      layers.add(new Layer(beforeNothing(stream.get(index)), index, pasts.get(firstIsKey ? 0 : 1),
          pasts.get(firstIsKey ? 1 : 0)));
    });
  }

  /** The last place of the stream that a layer's own value, which isn't in the stream, has no effect on. */
  private int begin(Value own) {
    Set<Value> reached = DataFlow.from(model.stage(), List.of(own));
    int begin = -1;
    while (begin + 1 < stream.size() && !reached.contains(stream.get(begin + 1))) {
      begin++;
    }
    if (begin < 0) {
      throw new OnnxException(model.file() + ": between the token ids and the layer of '" + own.name()
          + "' no value carries the whole hidden state [batch, seq, width]; split the model into embed, decoder-N, norm"
          + " and head pieces");
    }
    return begin;
  }

  private void findLayersByAttention() {
    for (Value shares : Attentions.shares(model.stage(), model.ids())) {
      int begin = begin(shares);
      if (begin + 1 == stream.size()) {
        continue; // nothing that reaches the logits
      }
      if (!layers.isEmpty() && layers.get(layers.size() - 1).index >= begin) {
        throw new OnnxException(shares.producer().origin() + ": is a second attention between the same two places of the residual"
            + " stream; a layer has one");
      }
      layers.add(Layer.withoutCache(beforeNothing(stream.get(begin)), begin));
    }
    if (layers.isEmpty()) {
      throw new OnnxException(model.file() + ": no attention has any effect on the logits");
    }
  }

  /** A norm's Cast to the type that is there already belongs to the layer, not to what comes before. */
  private Value beforeNothing(Value v) {
    Value at = v;
    while (at.producer() != null && (at.producer().is("onnx.Cast") || at.producer().is("onnx.Identity"))
        && at.type().equals(at.producer().operand(0).type()) && stream.contains(at.producer().operand(0))) {
      at = at.producer().operand(0);
    }
    return at;
  }

  private void cut() {
    StageCopy embed = new StageCopy(model, "embed", Pieces.Role.EMBED);
    embed.argument("ids", model.ids(), model.ids().tensorType());
    embed.offer("mask", model.mask()); // learned positions are counted from these
    embed.offer("positions", model.positions());
    embed.offer("past_key", layers.get(0).pastValue); // for its length, where there is one; keys may be kept turned
    stages.add(embed.end("hidden", layers.get(0).begin));
    for (int i = 0; i + 1 < layers.size(); i++) {
      stages.add(decoder(i));
    }
    Layer end = layers.get(layers.size() - 1);
    StageCopy norm = new StageCopy(model, "norm", Pieces.Role.NORM);
    norm.argument("hidden", end.begin, hidden(end.begin));
    stages.add(norm.end("hidden", normed));
    StageCopy head = new StageCopy(model, "head", Pieces.Role.HEAD);
    head.argument("hidden", normed, hidden(normed));
    stages.add(head.end("logits", model.logits()));
    forget(model.stage());
  }

  private Stage decoder(int i) {
    Layer layer = layers.get(i);
    StageCopy copy = new StageCopy(model, "decoder_" + i, Pieces.Role.DECODER);
    copy.argument("hidden", layer.begin, hidden(layer.begin));
    copy.offer("mask", model.mask());
    copy.offer("positions", model.positions());
    if (layer.pastKey == null) {
      return copy.end("hidden", layers.get(i + 1).begin);
    }
    copy.argument("past_key", layer.pastKey, layer.pastKey.tensorType());
    copy.argument("past_value", layer.pastValue, layer.pastValue.tensorType());
    Value key = model.caches().get(layer.pastKey);
    Value value = model.caches().get(layer.pastValue);
    return copy.end(List.of("hidden", "present_key", "present_value"), List.of(layers.get(i + 1).begin, key, value));
  }

  /** Rows and batches are the tokens' in every stage, whatever a Reshape on the way made of them. */
  private TensorType hidden(Value v) {
    TensorType ids = model.ids().tensorType();
    TensorType t = v.tensorType();
    return t.withShape(List.of(ids.dim(0), ids.dim(1), t.dim(2)));
  }

  /** Ends the uses that the whole stage makes of weights. */
  private static void forget(Stage whole) {
    whole.clearOutputs();
    List<Operation> operations = List.copyOf(whole.operations());
    for (int i = operations.size() - 1; i >= 0; i--) {
      whole.remove(operations.get(i));
    }
  }
}
