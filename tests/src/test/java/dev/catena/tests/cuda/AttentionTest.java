package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.Float16;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.View;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention over a cache that the test has filled, in the simulator: against its definition in double, and the same bits
 * whatever the order of blocks and the company of a row, the cache's new positions included. Keys and values that a step adds are such as the cache
 * holds exactly, so that only attention's own rounding is judged.
 */
class AttentionTest {
  private static final int PAGE = 64;
  private static final int MAX_ROWS = 32;
  /** Ends in sequences that fill a prefill's step. */
  private static final int[] COMPANY = {3, 70, 1, 9};

  private final Random random = new Random(7);
  private KvFormat kv;
  private int group;
  private int window;
  private double cap;
  private float scale;
  private float[] slopes;
  private float[] sinks;
  private int[] lengths;
  private int[] pageTable;
  private int stride;
  private byte[] cache;
  /** By sequence and position, KV heads end to end. */
  private float[][][] keys;
  private float[][][] values;
  private float[][][] queries;

  /** A row of a step. */
  private record Row(int sequence, int position) {}

  @ParameterizedTest
  @CsvSource({
    // keys, values, KV heads, query heads of each, head size, window, cap, what heads have, target; positions of sequences and how many are new
    "F16,F16,2,3,80,0,0,'',sm_86,257:1 1:1 128:1 129:2 64:1 65:1",
    "F16,F16,1,1,136,0,0,sinks,sm_75,300:3",
    "F16,F16,1,19,32,100,0,sinks,sm_90,333:2 64:1",
    "F16,U8,1,9,72,100,0,sinks,sm_86,333:2 64:1",
    "U8,U8,1,5,96,0,5,'',sm_90,193:8 63:1",
    "U8,F16,1,8,128,0,0,slopes,sm_86,150:1",
    "U4,U4,1,2,128,0,0,'',sm_86,257:4 256:1",
    "U4,U4,1,7,160,0,0,'',sm_86,129:1 127:1",
    "U4,U8,1,12,24,37,3,'',sm_75,200:3 1:1",
    "F32,F32,1,3,20,150,0,slopes and sinks,sm_86,300:2 2:2",
    "F32,F16,2,1,33,0,2,'',sm_86,130:1",
    "F16,F16,1,2,8,0,0,'',sm_86,2050:4 2048:1 31:1",
    "F16,F16,1,1,8,1500,0,sinks,sm_86,131073:2 2051:1"})
  void exactInAnyCompany(Element k, Element v, int kvHeads, int queriesOfEach, int dim, int windowPositions, float softcap, String ofHeads,
      String target, String sequences) throws IOException {
    kv = new KvFormat(k, v, kvHeads, dim);
    group = queriesOfEach;
    window = windowPositions;
    cap = softcap;
    scale = (float) (1.3 / Math.sqrt(dim));
    slopes = ofHeads.contains("slopes") ? ofHeads(0.02f) : null;
    sinks = ofHeads.contains("sinks") ? ofHeads(1.5f) : null;
    String[] parts = sequences.split(" ");
    lengths = new int[parts.length + COMPANY.length];
    List<Row> rows = new ArrayList<>();
    for (int s = 0; s < lengths.length; s++) {
      boolean guest = s >= parts.length;
      lengths[s] = guest ? COMPANY[s - parts.length] : Integer.parseInt(parts[s].split(":")[0]);
      if (!guest) {
        rows.addAll(newest(s, Integer.parseInt(parts[s].split(":")[1])));
      }
    }
    fill();
    int heads = kvHeads * group;
    int columns = (heads + 2 * kvHeads) * dim;
    View all = View.of(new Buffer.StageInput(), columns);
    View rotated = View.of(new Buffer.Arena(0, 4L * MAX_ROWS * heads * dim / 64 * 64 + 64), heads * dim);
    SimulatedStage stage = new SimulatedStage(List.of(
        new RopeAppendLaunch(all.slice(0, heads * dim), all.slice(heads * dim, kvHeads * dim), all.slice((heads + kvHeads) * dim, kvHeads * dim),
            rotated, new Buffer.Weight(0), new Buffer.Weight(1), false, 1, 0, heads, kv),
        new AttentionLaunch(rotated, View.of(new Buffer.StageOutput(), heads * dim), heads, scale, window, softcap,
            Optional.ofNullable(slopes).map(s -> new Buffer.Weight(2)), Optional.ofNullable(sinks).map(s -> new Buffer.Weight(3)), kv)),
        MAX_ROWS, 32, target, 11);
    if (slopes != null) {
      stage.floats("weight:2", slopes);
    }
    if (sinks != null) {
      stage.floats("weight:3", sinks);
    }

    int width = heads * dim;
    assertEquals(1, newCache(stage, () -> run(stage, rows)));
    float[] together = stage.floats("output", rows.size() * width);
    byte[] after = stage.readBytes("kv", cache.length);
    assertClose(expected(rows), together);
    for (int again = 0; again < 2; again++) {      // each launch has an order of its own
      newCache(stage, () -> run(stage, rows));
      assertArrayEquals(together, stage.floats("output", together.length), "another order of blocks");
    }
    newCache(stage, () -> 0);
    for (int i = 0; i < rows.size(); i++) {
      run(stage, List.of(rows.get(i)));
      assertArrayEquals(Arrays.copyOfRange(together, i * width, (i + 1) * width), stage.floats("output", width), rows.get(i) + " alone");
    }
    assertArrayEquals(after, stage.readBytes("kv", cache.length), "the cache");
    for (int guests : new int[] {1, 8}) {          // to 16 rows one kernel, beyond them two
      List<Row> company = new ArrayList<>();
      for (int s = parts.length; s < lengths.length; s++) {
        company.addAll(newest(s, Math.min(guests, lengths[s])));
      }
      company.addAll(rows);
      assertEquals(company.size() <= 16 ? 1 : 2, newCache(stage, () -> run(stage, company)));
      float[] everyone = stage.floats("output", company.size() * width);
      assertArrayEquals(together, Arrays.copyOfRange(everyone, everyone.length - together.length, everyone.length), "among " + company.size() + " rows");
    }
  }

  /** The last {@code count} rows of a sequence. */
  private List<Row> newest(int sequence, int count) {
    return IntStream.range(lengths[sequence] - count, lengths[sequence]).mapToObj(p -> new Row(sequence, p)).toList();
  }

  private float[] ofHeads(float step) {
    float[] numbers = new float[kv.heads() * group];
    for (int h = 0; h < numbers.length; h++) {
      numbers[h] = step * (h + 1);
    }
    return numbers;
  }

  private interface Steps {
    int run();
  }

  private int newCache(SimulatedStage stage, Steps steps) {
    stage.bytes("kv", cache);
    return steps.run();
  }

  /** @return launches */
  private int run(SimulatedStage stage, List<Row> rows) {
    int heads = kv.heads() * group;
    int width = kv.heads() * kv.dim();
    float[] x = new float[rows.size() * (heads * kv.dim() + 2 * width)];
    int at = 0;
    for (Row row : rows) {
      for (float[] part : List.of(queries[row.sequence][row.position], keys[row.sequence][row.position], values[row.sequence][row.position])) {
        System.arraycopy(part, 0, x, at, part.length);
        at += part.length;
      }
    }
    stage.ints("step", rows.size(), lengths.length, 0, stride);
    stage.ints("positions", rows.stream().mapToInt(Row::position).toArray());
    stage.ints("row_sequence", rows.stream().mapToInt(Row::sequence).toArray());
    stage.ints("page_table", pageTable);
    stage.floats("input", x);
    stage.allocate("output", 4L * rows.size() * heads * kv.dim());
    return stage.run(rows.size());
  }

  /** Pages in no order, old positions as the cache holds them; what nobody may read is no number. */
  private void fill() {
    stride = Arrays.stream(lengths).max().orElseThrow() / PAGE + 2;
    pageTable = new int[lengths.length * stride];
    List<Integer> pages = new ArrayList<>();
    for (int i = 0; i < pageTable.length; i++) {
      pages.add(i + 1);
    }
    java.util.Collections.shuffle(pages, random);
    for (int i = 0; i < pageTable.length; i++) {
      pageTable[i] = pages.get(i);
    }
    cache = new byte[Math.toIntExact((pageTable.length + 1) * kv.pageBytes())];
    Arrays.fill(cache, (byte) 0xFF);
    keys = new float[lengths.length][][];
    values = new float[lengths.length][][];
    queries = new float[lengths.length][][];
    for (int s = 0; s < lengths.length; s++) {
      keys[s] = new float[lengths[s]][];
      values[s] = new float[lengths[s]][];
      queries[s] = new float[lengths[s]][kv.heads() * group * kv.dim()];
      for (int p = 0; p < lengths[s]; p++) {
        keys[s][p] = elements(kv.k());
        values[s][p] = elements(kv.v());
        for (int i = 0; i < queries[s][p].length; i++) {
          queries[s][p][i] = (float) random.nextGaussian();
        }
      }
    }
    for (int s = 0; s < lengths.length; s++) {
      for (int p = 0; p < lengths[s]; p++) {
        for (int h = 0; h < kv.heads(); h++) {
          int head = (int) (pageTable[s * stride + p / PAGE] * kv.pageBytes() + (long) h * kv.headBytes());
          store(kv.k(), keys[s][p], h, head, head + kv.kPairsOffset(), p % PAGE);
          store(kv.v(), values[s][p], h, head + kv.vOffset(), head + kv.vPairsOffset(), p % PAGE);
        }
      }
    }
  }

  /** Numbers of all KV heads that the format holds exactly; those of codes reach both ends of the range. */
  private float[] elements(Element element) {
    int dim = kv.dim();
    float[] x = new float[kv.heads() * dim];
    int largest = (1 << element.bits() % 32) - 1;
    for (int i = 0; i < x.length; i++) {
      x[i] = switch (element) {
        case F32 -> (float) random.nextGaussian();
        case F16 -> Float16.valueOf(Float16.bitsOf((float) random.nextGaussian()));
        default -> minimum(element) + step(element) * (i % dim == 0 ? 0 : i % dim == 1 ? largest : random.nextInt(largest + 1));
      };
    }
    return x;
  }

  private static float step(Element element) {
    return element == Element.U8 ? 1 / 64f : 1 / 4f;
  }

  private static float minimum(Element element) {
    return element == Element.U8 ? -1.75f : -2.5f;
  }

  private void store(Element element, float[] x, int head, int codes, int pairs, int slot) {
    ByteBuffer bytes = ByteBuffer.wrap(cache).order(ByteOrder.LITTLE_ENDIAN);
    int dim = kv.dim();
    for (int d = 0; d < dim; d++) {
      float value = x[head * dim + d];
      int at = slot * dim + d;
      int code = element.quantized() ? Math.round((value - minimum(element)) / step(element)) : 0;
      switch (element) {
        case F32 -> bytes.putFloat(codes + 4 * at, value);
        case F16 -> bytes.putShort(codes + 2 * at, (short) Float16.bitsOf(value));
        case U8 -> bytes.put(codes + at, (byte) code);
        default -> bytes.put(codes + at / 2, (byte) (at % 2 == 0 ? code | bytes.get(codes + at / 2) & 0xF0 : code << 4 | bytes.get(codes + at / 2) & 15));
      }
    }
    if (element.quantized()) {
      bytes.putShort(pairs + 4 * slot, (short) Float16.bitsOf(step(element)));
      bytes.putShort(pairs + 4 * slot + 2, (short) Float16.bitsOf(minimum(element)));
    }
  }

  private double[] expected(List<Row> rows) {
    int dim = kv.dim();
    int heads = kv.heads() * group;
    double[] out = new double[rows.size() * heads * dim];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      for (int h = 0; h < heads; h++) {
        int from = window == 0 ? 0 : Math.max(0, row.position + 1 - window);
        double[] scores = new double[row.position + 1];
        for (int p = from; p <= row.position; p++) {
          for (int d = 0; d < dim; d++) {
            scores[p] += (double) queries[row.sequence][row.position][h * dim + d] * scale * keys[row.sequence][p][h / group * dim + d];
          }
          scores[p] = (cap > 0 ? cap * Math.tanh(scores[p] / cap) : scores[p]) - (slopes == null ? 0 : slopes[h] * (row.position - p));
        }
        double largest = Arrays.stream(scores).skip(from).max().orElseThrow();
        double total = sinks == null ? 0 : Math.exp(sinks[h] - largest);
        for (int p = from; p <= row.position; p++) {
          double weight = Math.exp(scores[p] - largest);
          total += weight;
          for (int d = 0; d < dim; d++) {
            out[(r * heads + h) * dim + d] += weight * values[row.sequence][p][h / group * dim + d];
          }
        }
        for (int d = 0; d < dim; d++) {
          out[(r * heads + h) * dim + d] /= total;
        }
      }
    }
    return out;
  }

  private static void assertClose(double[] expected, float[] actual) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] / largest, actual[i] / largest, 2e-6, "element " + i + " of " + expected.length);
    }
  }
}
