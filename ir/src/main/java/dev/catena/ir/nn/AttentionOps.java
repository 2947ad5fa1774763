package dev.catena.ir.nn;

import dev.catena.ir.Attribute;
import dev.catena.ir.Cache;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.KvType;
import dev.catena.ir.OpDefinition;
import dev.catena.ir.OpDefinition.Inferred;
import dev.catena.ir.Operation;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Sequences;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Rotary positions, attention with past tensors (as exporters write it) and attention over the cache. */
final class AttentionOps {
  static final List<OpDefinition> OPERATIONS = List.of(
      OpDefinition.named("nn.table_rows",
              "Rows of a table [rows, width] at positions: of integers [b, s] it makes [b, s, width], of seqs [tokens, width]. "
                  + "Positions lie in the table.")
          .operand("table").operand("positions")
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(AttentionOps::tableRowsShape).meaning(AttentionOps::tableRows).build(),
      OpDefinition.named("nn.positions",
              "The positions of a step's rows: row i of x [b, s, ...] stands at past + i, past [b, kv_heads, past, dim] being "
                  + "the rows before it, none where it is absent: [b, s].")
          .operand("x").optional("past")
          .traits(Trait.PURE)
          .shape(AttentionOps::positionsShape).meaning(AttentionOps::positions).build(),
      OpDefinition.named("nn.rope",
              "Rotary position embedding (Su 2021) for heads of size dim side by side in the last dimension, of which the "
                  + "tables' columns turn: pairs (i, j) become x[i]·cos[p,i] − x[j]·sin[p,i] and x[j]·cos[p,j] + x[i]·sin[p,j], "
                  + "j = i + rotary / 2, or, interleaved, neighbours.")
          .operand("x").operand("cos").operand("sin").operand("positions")
          .attribute("dim", Attribute.Int.class).attribute("interleaved", Attribute.Int.class, Attribute.of(0))
          .traits(Trait.PURE)
          .shape(AttentionOps::ropeShape).meaning(AttentionOps::rope).build(),
      OpDefinition.named("nn.repeat_kv", "Each KV head repeated for the heads that share it: [b, kv, t, d] to [b, kv·times, t, d].")
          .operand("x")
          .attribute("times", Attribute.Int.class)
          .traits(Trait.PURE, Trait.MOVES_DATA)
          .shape(AttentionOps::repeatShape).meaning(AttentionOps::repeat).build(),
      OpDefinition.named("nn.softmax_with_sinks",
              "The softmax of scores [b, heads, s, t] along the last axis with one more logit for each head, the same for all rows, whose share "
                  + "is left out.")
          .operand("scores").operand("sinks")
          .traits(Trait.PURE)
          .shape(AttentionOps::sinksShape).meaning(AttentionOps::softmaxWithSinks).build(),
      OpDefinition.named("nn.past_attention",
              "Attention with the past as tensors: q [b, s, heads·dim], k and v [b, s, kv_heads·dim], past [b, kv_heads, "
                  + "past, dim] or absent, additive mask, causal where the flag says so, over the window's last positions unless that "
                  + "is 0, scaled scores held within softcap unless that is 0, less a head's slope for each position back, with "
                  + "a head's sink as one more logit; gives the output and the concatenated keys and values.")
          .operand("q").operand("k").operand("v").optional("past_key").optional("past_value").optional("mask")
          .optional("slopes").optional("sinks")
          .result("out").result("present_key").result("present_value")
          .attribute("heads", Attribute.Int.class).attribute("kv_heads", Attribute.Int.class)
          .attribute("scale", Attribute.Real.class).attribute("causal", Attribute.Flag.class, Attribute.of(false))
          .attribute("window", Attribute.Int.class, Attribute.of(0)).attribute("softcap", Attribute.Real.class, Attribute.of(0.0))
          .traits(Trait.PURE)
          .shape(AttentionOps::pastShape).meaning(AttentionOps::past).build(),
      OpDefinition.named("nn.kv_append", "The cache with the rows' keys and values at their positions.")
          .consumed("cache").operand("k").operand("v").operand("seqs")
          .shape(AttentionOps::appendShape).meaning(AttentionOps::append).build(),
      OpDefinition.named("nn.attention",
              "Attention of each row over its sequence's cache up to its own position, the window's last of them unless that is "
                  + "0, scaled scores held within softcap unless that is 0, less a head's slope for each position back (ALiBi, Press "
                  + "2021), with a head's sink as one more logit, which weighs no value: [tokens, heads·dim].")
          .operand("q").operand("cache").operand("seqs").optional("slopes").optional("sinks")
          .attribute("heads", Attribute.Int.class).attribute("scale", Attribute.Real.class)
          .attribute("mask", Attribute.Text.class, Attribute.of("causal"))
          .attribute("window", Attribute.Int.class, Attribute.of(0)).attribute("softcap", Attribute.Real.class, Attribute.of(0.0))
          .shape(AttentionOps::attentionShape).meaning(AttentionOps::attention).build());

  private AttentionOps() {}

  private static List<Inferred> tableRowsShape(Operation op) {
    TensorType table = op.operand(0).tensorType();
    List<Dim> shape = op.operand(1).type() instanceof SeqsType ? new ArrayList<>(List.of(Dim.symbol("tokens")))
        : new ArrayList<>(op.operand(1).tensorType().shape());
    shape.add(table.dim(-1));
    return List.of(Inferred.of(table.withShape(shape)));
  }

  private static List<EvalValue> tableRows(Operation op, List<EvalValue> in) {
    Tensor table = (Tensor) in.get(0);
    Tensor positions = in.get(1) instanceof Sequences s
        ? Tensor.i64(Arrays.stream(s.positions()).asLongStream().toArray(), s.rows()) : (Tensor) in.get(1);
    int width = (int) table.dim(-1);
    long[] shape = Arrays.copyOf(positions.shape(), positions.rank() + 1);
    shape[positions.rank()] = width;
    Tensor out = new Tensor(table.element(), shape);
    for (int i = 0; i < positions.size(); i++) {
      int p = tableRow(op, table, positions.getLong(i));
      for (int c = 0; c < width; c++) {
        out.copy(i * width + c, table, p * width + c);
      }
    }
    return List.of(out);
  }

  private static int tableRow(Operation op, Tensor table, long position) {
    if (position < 0 || position >= table.dim(0)) {
      throw op.broken("position " + position + " lies outside a table of " + table.dim(0) + " rows");
    }
    return (int) position;
  }

  private static List<Inferred> positionsShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    if (x.rank() < 2 || op.operand(1) != null && op.operand(1).tensorType().rank() != 4) {
      throw op.broken("needs rows [b, s, ...] and a past of rank 4");
    }
    return List.of(Inferred.of(new TensorType(ElementType.I64, x.shape().subList(0, 2))));
  }

  private static List<EvalValue> positions(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    long past = in.size() > 1 ? ((Tensor) in.get(1)).dim(2) : 0;
    Tensor out = new Tensor(ElementType.I64, x.dim(0), x.dim(1));
    for (int i = 0; i < out.size(); i++) {
      out.setLong(i, past + i % x.dim(1));
    }
    return List.of(out);
  }

  private static List<Inferred> ropeShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    long dim = op.intAttribute("dim");
    long rotary = op.operand(1).tensorType().dim(-1).value();
    if (dim <= 0 || x.dim(-1).value() % dim != 0 || rotary > dim || rotary % 2 != 0
        || !op.operand(1).tensorType().shape().equals(op.operand(2).tensorType().shape())) {
      throw op.broken("heads of " + dim + " with tables of " + rotary + " columns don't fit " + x.text());
    }
    return List.of(Inferred.of(x));
  }

  private static List<EvalValue> rope(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    Tensor cos = (Tensor) in.get(1);
    Tensor sin = (Tensor) in.get(2);
    int dim = (int) op.intAttribute("dim");
    int rotary = (int) cos.dim(-1);
    boolean interleaved = op.intAttribute("interleaved", 0) != 0;
    int width = (int) x.dim(-1);
    Tensor out = new Tensor(x.element(), x.shape());
    for (int row = 0; row < x.size() / width; row++) {
      long position = in.get(3) instanceof Sequences s ? s.positions()[row] : ((Tensor) in.get(3)).getLong(row);
      int table = tableRow(op, cos, position) * rotary;
      for (int at = row * width; at < (row + 1) * width; at += dim) {
        for (int i = 0; i < dim; i++) {
          double y = x.get(at + i);
          if (i < rotary) {
            boolean first = interleaved ? i % 2 == 0 : i < rotary / 2;
            int other = i + (first ? 1 : -1) * (interleaved ? 1 : rotary / 2);
            y = y * cos.get(table + i) + (first ? -1 : 1) * x.get(at + other) * sin.get(table + i);
          }
          out.set(at + i, y);
        }
      }
    }
    return List.of(out);
  }

  private static List<Inferred> repeatShape(Operation op) {
    TensorType x = op.operand(0).tensorType();
    List<Dim> shape = new ArrayList<>(x.shape());
    shape.set(1, x.dim(1).times(Dim.of(op.intAttribute("times"))));
    return List.of(Inferred.of(x.withShape(shape)));
  }

  private static List<EvalValue> repeat(Operation op, List<EvalValue> in) {
    Tensor x = (Tensor) in.get(0);
    int times = (int) op.intAttribute("times");
    long[] shape = x.shape();
    shape[1] *= times;
    Tensor out = new Tensor(x.element(), shape);
    int block = (int) (x.dim(2) * x.dim(3));
    for (int i = 0; i < out.size(); i++) {
      out.copy(i, x, i / (block * times) * block + i % block);
    }
    return List.of(out);
  }

  private static List<Inferred> sinksShape(Operation op) {
    TensorType scores = op.operand(0).tensorType();
    if (scores.rank() != 4 || !scores.element().isFloat() || !scores.dim(1).isKnown()) {
      throw op.broken("takes scores [b, heads, s, t], not " + scores.text());
    }
    requireOfHeads(op, 1, scores.dim(1).value());
    return List.of(Inferred.of(scores));
  }

  private static List<EvalValue> softmaxWithSinks(Operation op, List<EvalValue> in) {
    Tensor scores = (Tensor) in.get(0);
    Tensor sinks = (Tensor) in.get(1);
    int columns = (int) scores.dim(3);
    Tensor out = new Tensor(scores.element(), scores.shape());
    double[] line = new double[columns];
    for (int from = 0; columns > 0 && from < scores.size(); from += columns) {
      for (int t = 0; t < columns; t++) {
        line[t] = scores.get(from + t);
      }
      softmax(line, sinks.get((int) (from / columns / scores.dim(2) % scores.dim(1))));
      for (int t = 0; t < columns; t++) {
        out.set(from + t, line[t]);
      }
    }
    return List.of(out);
  }

  private static List<Inferred> pastShape(Operation op) {
    TensorType q = op.operand(0).tensorType();
    TensorType k = op.operand(1).tensorType();
    long heads = op.intAttribute("heads");
    long kvHeads = op.intAttribute("kv_heads");
    TensorType past = pastType(op, k, kvHeads);
    long dim = past.dim(3).value();
    if (!q.dim(-1).is(heads * dim) || !k.dim(-1).is(kvHeads * dim) || heads % kvHeads != 0) {
      throw op.broken(heads + " heads over " + kvHeads + " KV heads of " + dim + " don't fit " + q.text() + " and "
          + k.text());
    }
    requireOfHeads(op, 6, heads);
    requireOfHeads(op, 7, heads);
    List<Dim> present = new ArrayList<>(past.shape());
    present.set(2, past.dim(2).plus(k.dim(1)));
    Inferred kv = Inferred.of(past.withShape(present));
    return List.of(Inferred.of(q), kv, kv);
  }

  private static void requireOfHeads(Operation op, int operand, long heads) {
    Value v = op.operand(operand);
    if (v != null && (v.tensorType().rank() != 1 || !v.tensorType().dim(0).is(heads) || !v.tensorType().element().isFloat())) {
      throw op.broken("takes a number for each of " + heads + " heads, not " + v.type().text());
    }
  }

  private static Tensor given(List<EvalValue> in, int operand) {
    return in.size() > operand ? (Tensor) in.get(operand) : null;
  }

  /** The past's type; of an absent one what an empty past would have. */
  private static TensorType pastType(Operation op, TensorType k, long kvHeads) {
    Value key = op.operand(3);
    Value value = op.operand(4);
    if ((key == null) != (value == null)) {
      throw op.broken("takes past keys and past values together or not at all");
    }
    if (key != null) {
      return key.tensorType();
    }
    if (kvHeads < 1 || !k.dim(-1).isKnown() || k.dim(-1).value() % kvHeads != 0) {
      throw op.broken(kvHeads + " KV heads don't fit " + k.text());
    }
    return k.withShape(List.of(k.dim(0), Dim.of(kvHeads), Dim.of(0), Dim.of(k.dim(-1).value() / kvHeads)));
  }

  private static List<EvalValue> past(Operation op, List<EvalValue> in) {
    Tensor q = (Tensor) in.get(0);
    Tensor presentK = concat(pastOf(op, in, 3), (Tensor) in.get(1));
    Tensor presentV = concat(pastOf(op, in, 4), (Tensor) in.get(2));
    Tensor mask = given(in, 5);
    Tensor slopes = given(in, 6);
    Tensor sinks = given(in, 7);
    int heads = (int) op.intAttribute("heads");
    int group = heads / (int) op.intAttribute("kv_heads");
    int batch = (int) q.dim(0);
    int rows = (int) q.dim(1);
    int total = (int) presentK.dim(2);
    int dim = (int) presentK.dim(3);
    int kvHeads = (int) presentK.dim(1);
    long window = op.intAttribute("window", 0);
    double cap = op.realAttribute("softcap");
    Tensor out = new Tensor(q.element(), q.shape());
    for (int b = 0; b < batch; b++) {
      for (int r = 0; r < rows; r++) {
        for (int h = 0; h < heads; h++) {
          int qAt = ((b * rows + r) * heads + h) * dim;
          int kvAt = (b * kvHeads + h / group) * total * dim;
          double[] score = new double[total];
          for (int t = 0; t < total; t++) {
            double s = 0;
            for (int i = 0; i < dim; i++) {
              s += q.get(qAt + i) * presentK.get(kvAt + t * dim + i);
            }
            int own = total - rows + r;
            boolean hidden = op.flagAttribute("causal") && t > own || window > 0 && t <= own - window;
            score[t] = hidden ? Double.NEGATIVE_INFINITY
                : capped(s * op.realAttribute("scale"), cap) + (mask == null ? 0 : maskAt(mask, b, h, r, t)) - fall(slopes, h, own - t);
          }
          softmax(score, sinks == null ? Double.NEGATIVE_INFINITY : sinks.get(h));
          for (int i = 0; i < dim; i++) {
            double sum = 0;
            for (int t = 0; t < total; t++) {
              sum += score[t] * presentV.get(kvAt + t * dim + i);
            }
            out.set(qAt + i, sum);
          }
        }
      }
    }
    return List.of(out, presentK, presentV);
  }

  private static Tensor pastOf(Operation op, List<EvalValue> in, int operand) {
    if (in.size() > operand && in.get(operand) != null) {
      return (Tensor) in.get(operand);
    }
    Tensor rows = (Tensor) in.get(operand - 2);
    long kvHeads = op.intAttribute("kv_heads");
    return new Tensor(rows.element(), rows.dim(0), kvHeads, 0, rows.dim(-1) / kvHeads);
  }

  private static double capped(double score, double cap) {
    return cap == 0 ? score : ActivationOps.softcap(score, cap);
  }

  /** What a head's score loses at a distance. */
  private static double fall(Tensor slopes, int head, long distance) {
    return slopes == null ? 0 : slopes.get(head) * distance;
  }

  private static double maskAt(Tensor mask, int b, int h, int r, int t) {
    int at = 0;
    int[] index = {b, h, r, t};
    for (int axis = 0; axis < 4; axis++) {
      int extent = (int) mask.dim(axis);
      at = at * extent + (extent == 1 ? 0 : index[axis]);
    }
    return mask.get(at);
  }

  /** @param sink one more logit, which gets its share and is left out; minus infinity for none */
  private static void softmax(double[] score, double sink) {
    double max = sink;
    for (double s : score) {
      max = Math.max(max, s);
    }
    double sum = Math.exp(sink - max);
    for (int i = 0; i < score.length; i++) {
      score[i] = Math.exp(score[i] - max);
      sum += score[i];
    }
    for (int i = 0; i < score.length; i++) {
      score[i] /= sum;
    }
  }

  /** past [b, heads, past, dim] and new rows [b, s, heads·dim] as [b, heads, past + s, dim]. */
  private static Tensor concat(Tensor past, Tensor rows) {
    int batch = (int) past.dim(0);
    int heads = (int) past.dim(1);
    int before = (int) past.dim(2);
    int dim = (int) past.dim(3);
    int added = (int) rows.dim(1);
    Tensor out = new Tensor(past.element(), batch, heads, before + added, dim);
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int t = 0; t < before + added; t++) {
          for (int i = 0; i < dim; i++) {
            int to = ((b * heads + h) * (before + added) + t) * dim + i;
            out.set(to, t < before ? past.get(((b * heads + h) * before + t) * dim + i)
                : rows.get(((b * added + t - before) * heads + h) * dim + i));
          }
        }
      }
    }
    return out;
  }

  private static KvType cacheType(Operation op, int operand) {
    if (op.operand(operand).type() instanceof KvType kv) {
      return kv;
    }
    throw op.broken("a cache is expected, found " + op.operand(operand).type().text());
  }

  private static void requireSeqs(Operation op, int operand) {
    if (!(op.operand(operand).type() instanceof SeqsType)) {
      throw op.broken("seqs are expected, found " + op.operand(operand).type().text());
    }
  }

  private static List<Inferred> appendShape(Operation op) {
    KvType kv = cacheType(op, 0);
    requireSeqs(op, 3);
    for (int i = 1; i <= 2; i++) {
      if (!op.operand(i).tensorType().dim(-1).is(kv.heads() * kv.dim())) {
        throw op.broken("rows of " + op.operand(i).type().text() + " don't fit " + kv.text());
      }
    }
    return List.of(Inferred.of(kv));
  }

  private static List<EvalValue> append(Operation op, List<EvalValue> in) {
    return List.of(((Cache) in.get(0)).append((Tensor) in.get(1), (Tensor) in.get(2), (Sequences) in.get(3)));
  }

  private static List<Inferred> attentionShape(Operation op) {
    TensorType q = op.operand(0).tensorType();
    KvType kv = cacheType(op, 1);
    requireSeqs(op, 2);
    long heads = op.intAttribute("heads");
    if (!q.dim(-1).is(heads * kv.dim()) || heads % kv.heads() != 0) {
      throw op.broken(heads + " heads don't fit " + q.text() + " and " + kv.text());
    }
    requireOfHeads(op, 3, heads);
    requireOfHeads(op, 4, heads);
    return List.of(Inferred.of(q));
  }

  private static List<EvalValue> attention(Operation op, List<EvalValue> in) {
    return List.of(attention((Tensor) in.get(0), (Cache) in.get(1), (Sequences) in.get(2), given(in, 3), given(in, 4),
        (int) op.intAttribute("heads"), op.realAttribute("scale"), op.intAttribute("window", 0), op.realAttribute("softcap")));
  }

  /** q [tokens, heads·dim]; each row sees the window's last positions up to its own, all from 0 on without a window. */
  private static Tensor attention(Tensor q, Cache cache, Sequences seqs, Tensor slopes, Tensor sinks, int heads, double scale,
      long window, double cap) {
    int dim = (int) cache.type().dim();
    int group = heads / (int) cache.type().heads();
    Tensor out = new Tensor(q.element(), q.shape());
    for (int r = 0; r < seqs.rows(); r++) {
      int sequence = seqs.rowSequence()[r];
      int total = seqs.positions()[r] + 1;
      for (int h = 0; h < heads; h++) {
        int at = (r * heads + h) * dim;
        int kv = h / group * dim;
        double[] score = new double[total];
        int from = window > 0 ? (int) Math.max(0, total - window) : 0;
        Arrays.fill(score, 0, from, Double.NEGATIVE_INFINITY);
        for (int t = from; t < total; t++) {
          float[] key = cache.key(sequence, t);
          for (int i = 0; i < dim; i++) {
            score[t] += q.get(at + i) * key[kv + i];
          }
          score[t] = capped(score[t] * scale, cap) - fall(slopes, h, total - 1 - t);
        }
        softmax(score, sinks == null ? Double.NEGATIVE_INFINITY : sinks.get(h));
        for (int i = 0; i < dim; i++) {
          double sum = 0;
          for (int t = 0; t < total; t++) {
            sum += score[t] * cache.value(sequence, t)[kv + i];
          }
          out.set(at + i, sum);
        }
      }
    }
    return out;
  }
}
