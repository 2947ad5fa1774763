package dev.catena.tools;

import java.util.List;
import java.util.Locale;

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
    for (int i = 0; i < sizes.length; i++) {
      s.append(String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#1f5fa8\"/>%n", x.at(sizes[i]),
          y.at(perplexities[i])));
      text(s, x.at(sizes[i]) + 7, y.at(perplexities[i]) - 5, "start",
          results.get(i).file().getFileName().toString().replaceFirst("\\.catena$", ""));
    }
    return s.append("</svg>\n").toString();
  }

  private static void line(StringBuilder s, double x1, double y1, double x2, double y2) {
    s.append(String.format(Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>%n", x1, y1, x2, y2));
  }

  private static void text(StringBuilder s, double x, double y, String anchor, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    s.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, escaped));
  }
}
