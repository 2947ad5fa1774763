package dev.catena.tests.oracle;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import ai.onnxruntime.platform.Fp16Conversions;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.model.PieceNames;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The pieces of a model in ONNX Runtime, chained as an application would; one sequence, whose cache it carries on. */
public final class OnnxRuntimeModel implements AutoCloseable {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();

  private final PieceNames names;
  private final OrtSession embed;
  private final List<OrtSession> decoders = new ArrayList<>();
  private final OrtSession norm;
  private final OrtSession head;
  private final OnnxTensor[] keys;
  private final OnnxTensor[] values;
  /** Of reals; of the pieces' activations. */
  private final OnnxJavaType element;
  /** Whether the pieces have a past; else each step feeds the sequence again. */
  private final boolean cached;
  private int[] fed = new int[0];
  private int past;

  public OnnxRuntimeModel(PieceFolder folder) {
    names = folder.names();
    try {
      embed = session(folder.embed());
      for (Path p : folder.decoders()) {
        decoders.add(session(p));
      }
      norm = session(folder.norm());
      head = session(folder.head());
      if (decoders.isEmpty()) {
        throw new IllegalArgumentException(folder + ": no decoder " + folder.decoder(0));
      }
      element = ((TensorInfo) decoders.get(0).getInputInfo().get(names.hidden()).getInfo()).type;
      cached = decoders.get(0).getInputNames().contains(names.pastKey());
      keys = new OnnxTensor[decoders.size()];
      values = new OnnxTensor[decoders.size()];
      for (int i = 0; cached && i < keys.length; i++) {
        keys[i] = emptyCache(names.pastKey());
        values[i] = emptyCache(names.pastValue());
      }
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private static OrtSession session(Path file) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.NO_OPT); // its fusions of f16 norms fail at times
      return ENVIRONMENT.createSession(file.toString(), options);
    }
  }

  /** Feeds the next tokens of the sequence. Returns the logits of each, {@code [ids.length][vocab]}. */
  public float[][] feed(int... ids) {
    if (cached) {
      return step(ids);
    }
    fed = Arrays.copyOf(fed, fed.length + ids.length);
    System.arraycopy(ids, 0, fed, fed.length - ids.length, ids.length);
    float[][] all = step(fed);
    past = 0;
    return Arrays.copyOfRange(all, fed.length - ids.length, fed.length);
  }

  private float[][] step(int... ids) {
    List<OnnxTensor> step = new ArrayList<>();
    try {
      long rows = ids.length;
      OnnxTensor tokens = OnnxTensor.createTensor(ENVIRONMENT, LongBuffer.wrap(longs(ids)), new long[] {1, rows});
      step.add(tokens);
      OnnxTensor mask = mask(ids.length);
      step.add(mask);
      OnnxTensor positions =
          OnnxTensor.createTensor(ENVIRONMENT, LongBuffer.wrap(positions(ids.length)), new long[] {1, rows});
      step.add(positions);
      OnnxTensor x = only(embed, tokens, step);
      for (int i = 0; i < decoders.size(); i++) {
        Map<String, OnnxTensor> given = new HashMap<>(Map.of(names.hidden(), x, names.mask(), mask, names.positions(), positions));
        given.put(names.pastKey(), keys[i]);
        given.put(names.pastValue(), values[i]);
        given.keySet().retainAll(decoders.get(i).getInputNames());
        OrtSession.Result result = decoders.get(i).run(given);
        x = (OnnxTensor) result.get(names.hiddenOut()).orElseThrow();
        step.add(x);
        if (!cached) {
          continue;
        }
        keys[i].close();
        values[i].close();
        keys[i] = (OnnxTensor) result.get(names.presentKey()).orElseThrow();
        values[i] = (OnnxTensor) result.get(names.presentValue()).orElseThrow();
      }
      x = only(head, only(norm, x, step), step);
      past += ids.length;
      return rows(x);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    } finally {
      step.forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor only(OrtSession session, OnnxTensor input, List<OnnxTensor> step) throws OrtException {
    OnnxTensor output =
        (OnnxTensor) session.run(Map.of(session.getInputNames().iterator().next(), input)).get(0);
    step.add(output);
    return output;
  }

  private static float[][] rows(OnnxTensor logits) {
    long[] shape = logits.getInfo().getShape();
    FloatBuffer all = logits.getFloatBuffer();
    float[][] rows = new float[(int) shape[1]][(int) shape[2]];
    for (float[] row : rows) {
      all.get(row);
    }
    return rows;
  }

  private static long[] longs(int[] ids) {
    long[] longs = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      longs[i] = ids[i];
    }
    return longs;
  }

  private long[] positions(int count) {
    long[] positions = new long[count];
    for (int i = 0; i < count; i++) {
      positions[i] = past + i;
    }
    return positions;
  }

  /** Additive: the lowest number where a row may not look. */
  private OnnxTensor mask(int count) throws OrtException {
    int total = past + count;
    var declared = decoders.get(0).getInputInfo().get(names.mask());
    if (declared != null && ((TensorInfo) declared.getInfo()).type == OnnxJavaType.INT64) {
      long[] ones = new long[total];
      Arrays.fill(ones, 1);
      return OnnxTensor.createTensor(ENVIRONMENT, LongBuffer.wrap(ones), new long[] {1, total});
    }
    if (declared != null && ((TensorInfo) declared.getInfo()).type == OnnxJavaType.BOOL) {
      boolean[][][][] seen = new boolean[1][1][count][total];
      for (int row = 0; row < count; row++) {
        Arrays.fill(seen[0][0][row], 0, past + row + 1, true);
      }
      return OnnxTensor.createTensor(ENVIRONMENT, seen);
    }
    float[] mask = new float[count * total];
    float lowest = element == OnnxJavaType.FLOAT16 ? -65504f : -Float.MAX_VALUE;
    for (int row = 0; row < count; row++) {
      for (int to = past + row + 1; to < total; to++) {
        mask[row * total + to] = lowest;
      }
    }
    return reals(mask, 1, 1, count, total);
  }

  private OnnxTensor emptyCache(String input) throws OrtException {
    long[] shape = ((TensorInfo) decoders.get(0).getInputInfo().get(input).getInfo()).getShape();
    boolean turned = shape[2] > 0;
    return reals(new float[0], 1, shape[1], turned ? shape[2] : 0, turned ? 0 : shape[3]);
  }

  private OnnxTensor reals(float[] values, long... shape) throws OrtException {
    boolean half = element == OnnxJavaType.FLOAT16;
    ByteBuffer raw = ByteBuffer.allocateDirect(values.length * (half ? 2 : 4)).order(ByteOrder.nativeOrder());
    for (float v : values) {
      if (half) {
        raw.putShort(Fp16Conversions.floatToFp16(v));
      } else {
        raw.putFloat(v);
      }
    }
    return OnnxTensor.createTensor(ENVIRONMENT, raw.flip(), shape, element);
  }

  @Override
  public void close() {
    try {
      embed.close();
      norm.close();
      head.close();
      for (int i = 0; i < keys.length; i++) {
        decoders.get(i).close();
        if (cached) {
          keys[i].close();
          values[i].close();
        }
      }
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
