package dev.catena.passes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A golden file: a module in the text form whose comments say what is run and what must come out.
 *
 * <ul>
 *   <li>{@code // RUN: opt --pipeline "TEXT"}: the passes; exactly one;
 *   <li>{@code // CHECK: TEXT}: a line behind the last match holds TEXT (runs of blanks count as one);
 *   <li>{@code // CHECK-NEXT: TEXT}: the very next line does;
 *   <li>{@code // CHECK-NOT: TEXT}: no line between the matches around it does;
 *   <li>{@code // UNCHANGED}: the module comes out as it went in;
 *   <li>{@code // EXPECT}: the module comes out as FILE.expected says; {@code -Dbless} writes that file;
 *   <li>{@code // ERROR: TEXT}: the run fails with a message that holds TEXT;
 *   <li>{@code // EVAL} or {@code // EVAL: tolerance}: on random arguments the stages give the same numbers before and after.
 * </ul>
 */
record GoldenFile(Path path, String text, String pipeline, List<Directive> directives) {
  private static final Pattern COMMENT =
      Pattern.compile("\\s*// (RUN|CHECK|CHECK-NEXT|CHECK-NOT|UNCHANGED|EXPECT|ERROR|EVAL)(?:: *(.*?))?\\s*");
  private static final Pattern RUN = Pattern.compile("opt --pipeline \"([^\"]*)\"");

  enum Kind { RUN, CHECK, CHECK_NEXT, CHECK_NOT, UNCHANGED, EXPECT, ERROR, EVAL }

  /** One comment with a meaning. */
  record Directive(Kind kind, String text, int line) {}

  static GoldenFile read(Path path) throws IOException {
    String text = Files.readString(path);
    List<Directive> directives = new ArrayList<>();
    int line = 0;
    for (String l : text.lines().toList()) {
      line++;
      Matcher m = COMMENT.matcher(l);
      if (m.matches()) {
        directives.add(new Directive(Kind.valueOf(m.group(1).replace('-', '_')), m.group(2) == null ? "" : m.group(2),
            line));
      } else if (l.matches("\\s*//\\s*[A-Z-]{3,}\\b.*")) {
        throw new AssertionError(path + ":" + line + ": an unknown directive: " + l.strip());
      }
    }
    List<Directive> runs = directives.stream().filter(d -> d.kind() == Kind.RUN).toList();
    Matcher run = RUN.matcher(runs.size() == 1 ? runs.get(0).text() : "");
    if (!run.matches()) {
      throw new AssertionError(path + ": needs one line // RUN: opt --pipeline \"…\"");
    }
    directives.removeAll(runs);
    if (directives.stream().allMatch(d -> d.kind() == Kind.EVAL)) {
      throw new AssertionError(path + ": says nothing about what comes out");
    }
    return new GoldenFile(path, text, run.group(1), directives);
  }

  boolean has(Kind kind) {
    return directives.stream().anyMatch(d -> d.kind() == kind);
  }

  List<Directive> all(Kind kind) {
    return directives.stream().filter(d -> d.kind() == kind).toList();
  }

  /** The file that holds the exact result. */
  Path expected() {
    return path.resolveSibling(path.getFileName().toString().replace(".cir", ".expected"));
  }

  /** Fails where {@code output} isn't as the CHECK lines say. */
  void check(String output) {
    List<String> lines = output.lines().map(GoldenFile::blanks).toList();
    List<Directive> absent = new ArrayList<>();
    int at = 0; // the line behind the last match
    for (Directive d : directives) {
      String wanted = blanks(d.text());
      switch (d.kind()) {
        case CHECK_NOT -> absent.add(d);
        case CHECK -> {
          int from = at;
          while (at < lines.size() && !lines.get(at).contains(wanted)) {
            at++;
          }
          require(at < lines.size(), d, output);
          requireAbsent(absent, lines.subList(from, at), output);
          at++;
        }
        case CHECK_NEXT -> {
          require(at < lines.size() && lines.get(at).contains(wanted), d, output);
          at++;
        }
        default -> { }
      }
    }
    requireAbsent(absent, lines.subList(at, lines.size()), output);
  }

  private static String blanks(String line) {
    return line.strip().replaceAll("\\s+", " ");
  }

  private void requireAbsent(List<Directive> absent, List<String> lines, String output) {
    for (Directive d : absent) {
      require(lines.stream().noneMatch(l -> l.contains(blanks(d.text()))), d, output);
    }
    absent.clear();
  }

  private void require(boolean holds, Directive d, String output) {
    if (!holds) {
      throw new AssertionError(path + ":" + d.line() + ": " + d.kind().name().replace('_', '-') + ": " + d.text()
          + "\ndoesn't hold for\n" + output);
    }
  }
}
