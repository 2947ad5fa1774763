package dev.catena.tools;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** A drawing of weights (MiB) against perplexity, one labelled dot for each artifact, as a self-contained SVG. */
final class SizePlot {
  private static final int WIDTH = 800;
  private static final int HEIGHT = 500;
  private static final int LEFT = 80;
  private static final int RIGHT = 160;
  private static final int TOP = 30;
  private static final int BOTTOM = 60;
  private static final int TICKS = 5;

  private final List<EvalResult> results;

  SizePlot(List<EvalResult> results) {
    this.results = results;
  }

  private record Axis(double low, double high, int from, int to) {
    /** The values' range with a little room on both sides. */
    static Axis over(double[] values, int from, int to) {
      double low = java.util.Arrays.stream(values).min().orElse(0);
      double high = java.util.Arrays.stream(values).max().orElse(1);
      double room = Math.max((high - low) * 0.08, Math.abs(high) * 0.005 + 1e-9);
      return new Axis(low - room, high + room, from, to);
    }

    double at(double value) {
      return from + (value - low) / (high - low) * (to - from);
    }

    double tick(int i) {
      return low + (high - low) * i / TICKS;
    }
  }

  String svg() {
    double[] sizes = results.stream().mapToDouble(r -> r.weightsBytes() / 1048576.0).toArray();
    double[] perplexities = results.stream().mapToDouble(r -> r.score().perplexity()).toArray();
    Axis x = Axis.over(sizes, LEFT, WIDTH - RIGHT);
    Axis y = Axis.over(perplexities, HEIGHT - BOTTOM, TOP);
    StringBuilder s = new StringBuilder();
    s.append(String.format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
        + "font-size=\"12\">%n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, HEIGHT, WIDTH, HEIGHT));
    for (int i = 0; i <= TICKS; i++) {
      line(s, x.at(x.tick(i)), TOP, x.at(x.tick(i)), HEIGHT - BOTTOM);
      text(s, x.at(x.tick(i)), HEIGHT - BOTTOM + 18, "middle", String.format(Locale.ROOT, "%.2f", x.tick(i)));
      line(s, LEFT, y.at(y.tick(i)), WIDTH - RIGHT, y.at(y.tick(i)));
      text(s, LEFT - 8, y.at(y.tick(i)) + 4, "end", String.format(Locale.ROOT, "%.3f", y.tick(i)));
    }
    text(s, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 16, "middle", "weights, MiB");
    text(s, LEFT, TOP - 12, "middle", "perplexity");
    List<Label> labels = new ArrayList<>();
    IntStream.range(0, sizes.length).boxed().sorted(Comparator.comparingDouble(i -> perplexities[i])).forEach(i -> {
      Label label = Label.above(x.at(sizes[i]), y.at(perplexities[i]), name(results.get(i)), labels);
      labels.add(label);
      dot(s, x.at(sizes[i]), y.at(perplexities[i]), label);
    });
    return s.append("</svg>\n").toString();
  }

  /** A dot's name, beside it or, where others are, as far above as it takes. */
  private record Label(double x, double y, String text) {
    private static final double HEIGHT = 13;
    private static final double WIDTH_OF_LETTER = 6.5;

    static Label above(double dotX, double dotY, String text, List<Label> others) {
      Label label = new Label(dotX + 12, dotY + 4, text);
      while (others.stream().anyMatch(label::meets)) {
        label = new Label(label.x, label.y - 1, text);
      }
      return label;
    }

    private boolean meets(Label other) {
      return Math.abs(y - other.y) < HEIGHT && x < other.right() && other.x < right();
    }

    private double right() {
      return x + WIDTH_OF_LETTER * text.length();
    }
  }

  private static String name(EvalResult result) {
    return result.file().getFileName().toString().replaceFirst("\\.catena$", "");
  }

  private static void dot(StringBuilder s, double x, double y, Label label) {
    s.append(String.format(Locale.ROOT, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#9bb\"/>%n", x, y, label.x - 2, label.y - 4));
    s.append(String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#1f5fa8\"/>%n", x, y));
    text(s, label.x, label.y, "start", label.text);
  }

  private static void line(StringBuilder s, double x1, double y1, double x2, double y2) {
    s.append(String.format(Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>%n", x1, y1, x2, y2));
  }

  private static void text(StringBuilder s, double x, double y, String anchor, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    s.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, escaped));
  }
}
