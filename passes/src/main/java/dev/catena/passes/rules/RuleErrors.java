package dev.catena.passes.rules;

import java.util.List;
import java.util.TreeMap;
import org.antlr.v4.runtime.BaseErrorListener;
import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.RecognitionException;
import org.antlr.v4.runtime.Recognizer;
import org.antlr.v4.runtime.Token;

/** Collects what is wrong with a rule file, in the order of its lines. */
final class RuleErrors extends BaseErrorListener {
  /** A text with more mistakes isn't a rule file; the rest of it isn't read. */
  private static final int MOST = 100;
  private static final int WIDEST = 200;

  private final String file;
  private final String[] lines;
  /** By line and column, so that one place is blamed once. */
  private final TreeMap<Long, String> errors = new TreeMap<>();

  RuleErrors(String file, String text) {
    this.file = file;
    this.lines = text.split("\\R", -1);
  }

  void at(Token token, String what) {
    add(token.getLine(), token.getCharPositionInLine(), what);
  }

  void at(ParserRuleContext place, String what) {
    at(place.getStart(), what);
  }

  @Override
  public void syntaxError(Recognizer<?, ?> recognizer, Object symbol, int line, int column, String message,
      RecognitionException e) {
    add(line, column, message.replace("<EOF>", "the end of the file").replace("mismatched input", "unexpected")
        .replace("extraneous input", "unexpected").replace(" expecting ", ", expected "));
  }

  private void add(int line, int column, String what) {
    String source = line >= 1 && line <= lines.length ? lines[line - 1] : "";
    String shown = source.length() > WIDEST ? source.substring(0, WIDEST) + "…" : source;
    errors.putIfAbsent((long) line << 32 | column, file + ":" + line + ":" + (column + 1) + ": " + what + "\n  " + shown
        + (column <= WIDEST ? "\n  " + " ".repeat(column) + "^" : ""));
    if (errors.size() > MOST) {
      throw new RuleException(list());
    }
  }

  int count() {
    return errors.size();
  }

  boolean any() {
    return !errors.isEmpty();
  }

  List<String> list() {
    return List.copyOf(errors.values());
  }
}
