package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Recurrent layers (RNN, GRU, LSTM), said as loops over time: what the input adds to the gates is one matrix product for all
 * steps before the loop. x is [time, batch, size]; equations and the order of the gates are those of the standard.
 */
final class RecurrentForms {
  private final FormBuilder b;
  private final StageBuilder out;
  private final NameHints hints;

  RecurrentForms(FormBuilder builder, StageBuilder out, NameHints hints) {
    this.b = builder;
    this.out = out;
    this.hints = hints;
  }

  /** The results, or null where the operation is none of these. */
  List<Value> convert(String operation) {
    return switch (operation) {
      case "RNN" -> layer(1, "Tanh");
      case "GRU" -> layer(3, "Sigmoid", "Tanh");
      case "LSTM" -> layer(4, "Sigmoid", "Tanh", "Tanh");
      case "ReverseSequence" -> List.of(reverseSequence());
      default -> null;
    };
  }

  /** An activation function with its parameters. */
  private record Activation(String name, double alpha, double beta) {}

  /** One direction of a layer: what is the same in all steps. */
  private record Direction(int gates, long hidden, Value recurrence, Value recurrentBias, Value peepholes, List<Activation> functions,
      double clip, boolean coupled, boolean linearBeforeReset) {}

  private List<Value> layer(int gates, String... functions) {
    b.allow("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget", "layout",
        "linear_before_reset", "output_sequence");
    boolean lstm = gates == 4;
    boolean batchFirst = b.integer("layout", 0) != 0;
    Value x = batchFirst ? b.transpose(b.operand(0, "X"), 1, 0, 2) : b.operand(0, "X");
    Value w = b.operand(1, "W");
    Value r = b.operand(2, "R");
    if (FormBuilder.rank(x) != 3 || FormBuilder.rank(w) != 3 || FormBuilder.rank(r) != 3 || !r.tensorType().dim(2).isKnown()) {
      throw b.broken("takes X, W and R of rank 3 with a known hidden size, not " + x.type().text() + ", " + w.type().text() + ", "
          + r.type().text());
    }
    long hidden = r.tensorType().dim(2).value();
    String direction = b.text("direction", "forward").toLowerCase(Locale.ROOT);
    int directions = direction.equals("bidirectional") ? 2 : 1;
    if (directions == 1 && !direction.equals("forward") && !direction.equals("reverse")) {
      throw b.broken("has direction = " + direction);
    }
    List<Activation> all = activations(functions, directions);
    List<Value> ys = new ArrayList<>();
    List<List<Value>> last = List.of(new ArrayList<>(), new ArrayList<>());
    for (int d = 0; d < directions; d++) {
      Value bias = b.optional(3) == null ? null : part(b.optional(3), d);
      Direction one = new Direction(gates, hidden, b.transpose(part(r, d), 1, 0),
          bias == null ? null : slice(bias, gates * hidden, 2 * gates * hidden), lstm && b.optional(7) != null ? part(b.optional(7), d) : null,
          all.subList(d * functions.length, (d + 1) * functions.length), b.real("clip", 0), b.integer("input_forget", 0) != 0,
          b.integer("linear_before_reset", 0) != 0);
      Value inputBias = bias == null ? null : slice(bias, 0, gates * hidden);
      boolean backwards = direction.equals("reverse") || d == 1;
      Value lengths = b.optional(4);
      Value read = backwards ? reversed(x, lengths, 1, 0) : x;
      Value added = b.op("MatMul", read, b.transpose(part(w, d), 1, 0));
      added = inputBias == null ? added : b.op("Add", added, inputBias);
      List<Value> states = new ArrayList<>(List.of(initial(5, d, x, hidden, batchFirst)));
      if (lstm) {
        states.add(initial(6, d, x, hidden, batchFirst));
      }
      List<Value> results = steps(one, added, lengths, states);
      Value y = results.get(results.size() - 1);
      ys.add(b.unsqueeze(backwards ? reversed(y, lengths, 1, 0) : y, 1));
      for (int i = 0; i < states.size(); i++) {
        last.get(i).add(b.unsqueeze(results.get(i), 0));
      }
    }
    Value y = b.concat(1, ys.toArray(Value[]::new));
    List<Value> outputs = new ArrayList<>(List.of(batchFirst ? b.transpose(y, 2, 0, 1, 3) : y));
    for (List<Value> state : lstm ? last : last.subList(0, 1)) {
      Value whole = b.concat(0, state.toArray(Value[]::new));
      outputs.add(batchFirst ? b.transpose(whole, 1, 0, 2) : whole);
    }
    return outputs;
  }

  /** What stands at index {@code at} of the first axis. */
  private Value part(Value v, int at) {
    return b.with("Gather", List.of(v, b.number(at)), "axis", 0);
  }

  private Value slice(Value v, long from, long to) {
    return b.op("Slice", v, b.list(from), b.list(to), b.list(-1));
  }

  private Value initial(int operand, int direction, Value x, long hidden, boolean batchFirst) {
    Value given = b.optional(operand);
    if (given != null) {
      return part(batchFirst ? b.transpose(given, 1, 0, 2) : given, direction);
    }
    return b.op("Expand", b.number(x, 0), b.concat(0, b.shape(x, 1, 2), b.list(hidden)));
  }

  private List<Activation> activations(String[] functions, int directions) {
    List<String> names = b.texts("activations");
    if (names == null || names.isEmpty()) {
      names = new ArrayList<>();
      for (int d = 0; d < directions; d++) {
        names.addAll(Arrays.asList(functions));
      }
    }
    if (names.size() != functions.length * directions) {
      throw b.broken("has " + names.size() + " activations, " + functions.length * directions + " are needed");
    }
    float[] alphas = b.reals("activation_alpha");
    float[] betas = b.reals("activation_beta");
    int alpha = 0;
    int beta = 0;
    List<Activation> all = new ArrayList<>();
    for (String name : names) {
      String plain = name.toLowerCase(Locale.ROOT);
      // Parameters are listed for the functions that have them.
      boolean one = List.of("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu").contains(plain);
      boolean two = List.of("affine", "scaledtanh", "hardsigmoid").contains(plain);
      double defaultAlpha = plain.equals("leakyrelu") ? 0.01 : plain.equals("hardsigmoid") ? 0.2 : 1;
      double defaultBeta = plain.equals("hardsigmoid") ? 0.5 : plain.equals("scaledtanh") ? 1 : 0;
      all.add(new Activation(plain, one && alphas != null && alpha < alphas.length ? alphas[alpha++] : (float) defaultAlpha,
          two && betas != null && beta < betas.length ? betas[beta++] : (float) defaultBeta));
    }
    return all;
  }

  private Value apply(Activation f, Value x, double clip) {
    Value held = clip > 0 ? b.op("Clip", x, b.number(x, -clip), b.number(x, clip)) : x;
    Value alpha = b.number(x, f.alpha());
    return switch (f.name()) {
      case "sigmoid" -> b.op("Sigmoid", held);
      case "tanh" -> b.op("Tanh", held);
      case "relu" -> b.op("Relu", held);
      case "affine" -> b.op("Add", b.op("Mul", alpha, held), b.number(x, f.beta()));
      case "leakyrelu" -> b.op("Where", b.op("Less", held, b.number(x, 0)), b.op("Mul", alpha, held), held);
      case "thresholdedrelu" -> b.op("Where", b.op("Less", held, alpha), b.number(x, 0), held);
      case "scaledtanh" -> b.op("Mul", alpha, b.op("Tanh", b.op("Mul", b.number(x, f.beta()), held)));
      case "hardsigmoid" -> b.op("Clip", b.op("Add", b.op("Mul", alpha, held), b.number(x, f.beta())), b.number(x, 0), b.number(x, 1));
      case "elu" -> b.op("Where", b.op("Less", held, b.number(x, 0)),
          b.op("Mul", alpha, b.op("Sub", b.op("Exp", held), b.number(x, 1))), held);
      case "softsign" -> b.op("Div", held, b.op("Add", b.number(x, 1), b.op("Abs", held)));
      case "softplus" -> b.op("Softplus", held);
      default -> throw b.broken("has the activation " + f.name() + ", which the standard doesn't know");
    };
  }

  /** All steps of a direction: the last states, and the hidden states of all steps. */
  private List<Value> steps(Direction d, Value added, Value lengths, List<Value> first) {
    LoopBuilder loop = new LoopBuilder(out, hints);
    List<Value> states = new ArrayList<>();
    for (Value state : first) {
      states.add(loop.carry("state", state, state.type()));
    }
    Value steps = b.dimension(added, 0);
    loop.enter();
    Value step = b.op("Gather", loop.inside(added), loop.round());
    Direction inside = new Direction(d.gates(), d.hidden(), loop.inside(d.recurrence()), loop.inside(d.recurrentBias()),
        loop.inside(d.peepholes()), d.functions(), d.clip(), d.coupled(), d.linearBeforeReset());
    List<Value> next = switch (d.gates()) {
      case 1 -> List.of(apply(d.functions().get(0), b.op("Add", step, recurred(inside, states.get(0), 0, 1)), d.clip()));
      case 3 -> List.of(gated(inside, step, states.get(0)));
      default -> remembered(inside, step, states.get(0), states.get(1));
    };
    Value slice = next.get(0);
    if (lengths != null) { // a sequence that has ended keeps its states, and gives zeros
      Value runs = b.unsqueeze(b.op("Less", loop.round(), b.cast(loop.inside(lengths), ElementType.I64)), 1);
      List<Value> kept = new ArrayList<>();
      for (int i = 0; i < next.size(); i++) {
        kept.add(b.op("Where", runs, next.get(i), states.get(i)));
      }
      slice = b.op("Where", runs, slice, b.number(slice, 0));
      next = kept;
    }
    return loop.leave(steps, null, null, next, List.of(slice));
  }

  /** What the hidden state adds to gates {@code from} to {@code to}. */
  private Value recurred(Direction d, Value h, int from, int to) {
    boolean some = to - from < d.gates();
    Value matrix = some ? slice(d.recurrence(), from * d.hidden(), to * d.hidden()) : d.recurrence();
    Value product = b.op("MatMul", h, matrix);
    if (d.recurrentBias() == null) {
      return product;
    }
    return b.op("Add", product, some ? slice(d.recurrentBias(), from * d.hidden(), to * d.hidden()) : d.recurrentBias());
  }

  private Value gate(Direction d, Value all, int which) {
    return slice(all, which * d.hidden(), (which + 1) * d.hidden());
  }

  /** GRU: gates z, r, h. */
  private Value gated(Direction d, Value step, Value h) {
    Value both = b.op("Add", slice(step, 0, 2 * d.hidden()), recurred(d, h, 0, 2));
    Value z = apply(d.functions().get(0), gate(d, both, 0), d.clip());
    Value r = apply(d.functions().get(0), gate(d, both, 1), d.clip());
    Value own = d.linearBeforeReset() ? b.op("Mul", r, recurred(d, h, 2, 3)) : recurred(d, b.op("Mul", r, h), 2, 3);
    Value candidate = apply(d.functions().get(1), b.op("Add", gate(d, step, 2), own), d.clip());
    return b.op("Add", b.op("Mul", b.op("Sub", b.number(z, 1), z), candidate), b.op("Mul", z, h));
  }

  /** LSTM: gates i, o, f, c, peepholes i, o, f; the next hidden state and cell. */
  private List<Value> remembered(Direction d, Value step, Value h, Value cell) {
    Value all = b.op("Add", step, recurred(d, h, 0, 4));
    Activation f = d.functions().get(0);
    Value input = apply(f, peeped(d, gate(d, all, 0), cell, 0), d.clip());
    Value forget = d.coupled() ? b.op("Sub", b.number(input, 1), input) : apply(f, peeped(d, gate(d, all, 2), cell, 2), d.clip());
    Value candidate = apply(d.functions().get(1), gate(d, all, 3), d.clip());
    Value nextCell = b.op("Add", b.op("Mul", forget, cell), b.op("Mul", input, candidate));
    Value output = apply(f, peeped(d, gate(d, all, 1), nextCell, 1), d.clip());
    return List.of(b.op("Mul", output, apply(d.functions().get(2), nextCell, d.clip())), nextCell);
  }

  private Value peeped(Direction d, Value gate, Value cell, int which) {
    return d.peepholes() == null ? gate : b.op("Add", gate, b.op("Mul", gate(d, d.peepholes(), which), cell));
  }

  private Value reverseSequence() {
    b.allow("batch_axis", "time_axis");
    Value x = b.operand(0, "input");
    int batch = (int) b.integer("batch_axis", 1);
    int time = (int) b.integer("time_axis", 0);
    if (FormBuilder.rank(x) < 2 || batch < 0 || batch > 1 || time != 1 - batch) {
      throw b.broken("has time_axis = " + time + " and batch_axis = " + batch + " for " + x.type().text());
    }
    return reversed(x, b.operand(1, "sequence_lens"), batch, time);
  }

  /** Each sequence's first {@code lengths} elements in reverse order; without lengths all of them. */
  private Value reversed(Value x, Value lengths, int batch, int time) {
    if (lengths == null) {
      return b.op("Slice", x, b.list(-1), b.list(Long.MIN_VALUE), b.list(time), b.list(-1));
    }
    int rank = FormBuilder.rank(x);
    Value times = b.along(b.counting(b.dimension(x, time)), time, rank);
    Value ends = b.along(b.cast(lengths, ElementType.I64), batch, rank);
    Value mirrored = b.op("Sub", b.op("Sub", ends, b.number(1)), times);
    Value from = b.op("Where", b.op("Less", times, ends), mirrored, times);
    return b.with("GatherElements", List.of(x, b.op("Expand", from, b.shape(x))), "axis", time);
  }
}
