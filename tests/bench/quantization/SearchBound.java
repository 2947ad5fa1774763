import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupFit;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.Operation;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.ir.Weight;
import dev.catena.passes.PassContext;
import dev.catena.passes.Pipeline;
import dev.catena.passes.QuantizePass;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * What rounding to nearest can gain from its scales, matrix by matrix: the squared error of the weights by range, by Catena's
 * search, and by the best scale and zero that there are for each group. Prints a table in Markdown.
 *
 * <p>{@code java -cp 'tools/target/catena/lib/*' SearchBound.java PIECES BITS:GROUP…}
 */
final class SearchBound {
  /** Shares of the range that are tried with every zero; each is then improved by least squares until it settles. */
  private static final double WIDEST = 1.1;
  private static final double NARROWEST = 0.35;
  private static final int SHARES = 60;
  private static final int REFITS = 8;

  public static void main(String[] arguments) {
    StringBuilder head = new StringBuilder("| matrix |");
    StringBuilder rule = new StringBuilder("| --- |");
    for (int i = 1; i < arguments.length; i++) {
      String[] format = arguments[i].split(":");
      head.append(String.format(" W%s g%s search | best |", format[0], format[1]));
      rule.append(" --- | --- |");
    }
    System.out.println(head + "\n" + rule);
    double[][] all = new double[arguments.length][3];
    try (ImportedModel imported = OnnxImporter.importModel(Path.of(arguments[0]))) {
      Pipeline.parse("fold,widen,clean,sizes,rope-tables{positions=1024},raise,causal-mask,share,merge,name")
          .run(imported.module(), new PassContext());
      for (Stage stage : imported.module().stages()) {
        for (Operation op : stage.operations()) {
          if (op.is("nn.linear") && "decoder".equals(stage.textAttribute("role"))) {
            Weight weight = op.operand(1).weight();
            StringBuilder line = new StringBuilder("| " + weight.name().replaceFirst("\\.f32$", "") + " |");
            for (int i = 1; i < arguments.length; i++) {
              double[] errors = errors(weight, arguments[i].split(":"));
              for (int e = 0; e < errors.length; e++) {
                all[i][e] += errors[e];
              }
              line.append(shares(errors));
            }
            System.out.println(line);
          }
        }
      }
    }
    StringBuilder line = new StringBuilder("| all |");
    for (int i = 1; i < arguments.length; i++) {
      line.append(shares(all[i]));
    }
    System.out.println(line);
  }

  private static String shares(double[] errors) {
    return String.format(Locale.ROOT, " %.1f %% | %.1f %% |", 100 * errors[1] / errors[0], 100 * errors[2] / errors[0]);
  }

  /** By range, by search, and the least. */
  private static double[] errors(Weight weight, String[] format) {
    TensorType dense = (TensorType) weight.type();
    QuantType type = QuantizePass.type(dense, Long.parseLong(format[0]), Long.parseLong(format[1]), false);
    int rows = Math.toIntExact(type.rows());
    int columns = Math.toIntExact(type.columns());
    float[] w = new float[rows * columns];
    weight.data().read(new long[2], new long[] {rows, columns}, w, 0);
    double best = IntStream.range(0, rows).parallel().mapToDouble(r -> {
      double sum = 0;
      for (int first = 0; first < columns; first += (int) type.group()) {
        sum += least(w, r * columns + first, (int) Math.min(type.group(), columns - first), (1 << type.code().bits()) - 1);
      }
      return sum;
    }).sum();
    return new double[] {rounded(weight, type, GroupFit.Scales.RANGE, w), rounded(weight, type, GroupFit.Scales.SEARCH, w), best};
  }

  private static double rounded(Weight weight, QuantType type, GroupFit.Scales scales, float[] w) {
    float[] found = new float[w.length];
    new QuantizedWeight(weight.data(), type, scales).read(new long[2], new long[] {type.rows(), type.columns()}, found, 0);
    double sum = 0;
    for (int i = 0; i < w.length; i++) {
      sum += ((double) w[i] - found[i]) * ((double) w[i] - found[i]);
    }
    return sum;
  }

  private static double least(float[] w, int from, int count, int top) {
    float low = 0;
    float high = 0;
    for (int i = from; i < from + count; i++) {
      low = Math.min(low, w[i]);
      high = Math.max(high, w[i]);
    }
    double least = high == low ? 0 : Double.POSITIVE_INFINITY;
    for (int step = 0; step < SHARES && high > low; step++) {
      double share = WIDEST - (WIDEST - NARROWEST) * step / (SHARES - 1);
      for (int zero = 0; zero <= top; zero++) {
        float scale = HalfFloat.round((float) (share * (high - low) / top), ElementType.F16);
        double error = Double.POSITIVE_INFINITY;
        for (int i = 0; i < REFITS && scale != 0; i++) {
          double[] found = look(w, from, count, scale, zero, top);
          if (!(found[0] < error)) {
            break;
          }
          error = found[0];
          if (error > 1.5 * least) { // too far away for least squares to mend
            break;
          }
          scale = HalfFloat.round((float) found[1], ElementType.F16);
        }
        least = Math.min(least, error);
      }
    }
    return least;
  }

  /** The squared error, and the scale that suits the codes best. */
  private static double[] look(float[] w, int from, int count, float scale, int zero, int top) {
    float inverse = 1 / scale;
    float error = 0;
    float product = 0;
    float square = 0;
    for (int i = from; i < from + count; i++) {
      float c = Math.max(-zero, Math.min(top - zero, (float) Math.rint(w[i] * inverse)));
      float d = w[i] - c * scale;
      error += d * d;
      product += c * w[i];
      square += c * c;
    }
    return new double[] {error, square == 0 ? 0 : product / square};
  }
}
