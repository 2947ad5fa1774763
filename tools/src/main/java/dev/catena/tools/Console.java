package dev.catena.tools;

import java.util.List;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Standard error: notes, warnings, progress. Standard output is left to results. */
final class Console {
  private static final int MOST_WARNINGS = 8;

  private Console() {}

  static void note(String line) {
    System.err.println(line);
  }

  static void warn(String line) {
    System.err.println("warning: " + line);
  }

  /** Prints the first of them and how many more there are: layers fall short alike. */
  static void warn(List<String> lines) {
    lines.stream().limit(MOST_WARNINGS).forEach(Console::warn);
    if (lines.size() > MOST_WARNINGS) {
      note("… and " + (lines.size() - MOST_WARNINGS) + " more like these");
    }
  }

  /** A bar on a terminal; where standard error isn't one, a line at the start. */
  static Progress progress(String task, long total, String unit, long unitSize) {
    if (System.console() == null) {
      note(task + " …");
      return Progress.SILENT;
    }
    ProgressBar bar = new ProgressBarBuilder().setTaskName(task).setInitialMax(total).setUnit(unit, unitSize)
        .setStyle(ProgressBarStyle.ASCII).setUpdateIntervalMillis(100).build();
    return new Progress() {
      @Override
      public void step(long n) {
        bar.stepBy(n);
      }

      @Override
      public void close() {
        bar.close();
      }
    };
  }

  /** How far a long task has come. */
  interface Progress extends AutoCloseable {
    Progress SILENT = new Progress() {
      @Override
      public void step(long n) {}

      @Override
      public void close() {}
    };

    void step(long n);

    @Override
    void close();
  }
}
