package dev.catena.ir.text;

import dev.catena.ir.IrException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.antlr.v4.runtime.BaseErrorListener;
import org.antlr.v4.runtime.NoViableAltException;
import org.antlr.v4.runtime.Parser;
import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.RecognitionException;
import org.antlr.v4.runtime.Recognizer;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.misc.IntervalSet;

/** Collects what is wrong with a text, in the order of its lines. */
final class CirErrors extends BaseErrorListener {
  private static final int MOST = 20;
  /** A file with more signs, or lines, that no text of a module holds is something else; the rest of it isn't read. */
  private static final int MOST_UNREADABLE = 1000;
  /** Tokens as a reader calls them; the others are shown as they are written. */
  private static final Map<Integer, String> NAMES = Map.of(CirParser.VALUE, "a %value", CirParser.SYMBOL, "an @name",
      CirParser.QUOTED_SYMBOL, "an @name", CirParser.DIM, "a ?dimension", CirParser.REAL, "a number", CirParser.INT,
      "a number", CirParser.NAME, "a name", CirParser.DOTTED, "a dialect.name", CirParser.STRING,
      "a \"text\"", CirParser.HASH, "a SHA-256 in hex");

  private final String file;
  private final String[] lines;
  /** By line and column, so that one place is blamed once. */
  private final TreeMap<Long, String> errors = new TreeMap<>();
  /** Lines in which the grammar was left. */
  private final Set<Integer> broken = new HashSet<>();

  private int unreadable;

  CirErrors(String file, String text) {
    this.file = file;
    this.lines = text.split("\\R", -1);
  }

  void at(Token token, String what) {
    add(token.getLine(), token.getCharPositionInLine(), what);
  }

  void at(ParserRuleContext place, String what) {
    at(place.getStart(), what);
  }

  /** Runs a step whose failure is an error of the text at {@code place}; what the parser already complained of is left. */
  void attempt(ParserRuleContext place, Runnable step) {
    try {
      step.run();
    } catch (IrException | ArithmeticException e) {
      at(place, e.getMessage());
    } catch (NullPointerException | IllegalArgumentException | IndexOutOfBoundsException e) {
      if (!any()) { // a tree with holes comes from a syntax error only
        throw e;
      }
    }
  }

  /** The file's name, as messages give it. */
  String file() {
    return file;
  }

  int count() {
    return errors.size();
  }

  @Override
  public void syntaxError(Recognizer<?, ?> recognizer, Object symbol, int line, int column, String message,
      RecognitionException e) {
    if (recognizer instanceof Parser parser && symbol instanceof Token found) {
      if (!broken.add(line)) {
        return; // the first mistake of a line breaks what follows on it
      }
      if (broken.size() > MOST_UNREADABLE) {
        throw new CirException(list());
      }
      IntervalSet expected = e instanceof NoViableAltException none ? deadEnd(parser, none)
          : e != null && e.getExpectedTokens() != null ? e.getExpectedTokens() : parser.getExpectedTokens();
      add(line, column, "expected " + described(expected) + ", found "
          + (found.getType() == Token.EOF ? "the end of the file" : "'" + found.getText() + "'"));
    } else {
      if (++unreadable > MOST_UNREADABLE) {
        throw new CirException(list());
      }
      String found = message.replace("token recognition error at: ", "");
      add(line, column, found.startsWith("'\"") ? "expected a closing \" in this line, found its end"
          : "expected a name, a number or a sign, found " + found);
    }
  }

  /** What could have gone on where several ways were open and none did. */
  private static IntervalSet deadEnd(Parser parser, NoViableAltException e) {
    IntervalSet expected = new IntervalSet();
    if (e.getDeadEndConfigs() != null) {
      e.getDeadEndConfigs().forEach(c -> expected.addAll(parser.getATN().nextTokens(c.state)));
      expected.remove(Token.EPSILON);
    }
    return expected.isNil() ? e.getExpectedTokens() : expected;
  }

  private static String described(IntervalSet expected) {
    Set<String> all = new LinkedHashSet<>();
    List<Integer> types = expected.toList();
    boolean anyName = types.contains(CirParser.NAME);
    for (int type : types) {
      String literal = CirParser.VOCABULARY.getLiteralName(type);
      // Where a name may stand, so may each keyword; that is one expectation.
      if (type == Token.EOF) {
        all.add("the end of the file");
      } else if (literal == null || !anyName || !literal.matches("'[a-z].*")) {
        all.add(literal != null ? literal : NAMES.getOrDefault(type, CirParser.VOCABULARY.getDisplayName(type)));
      }
    }
    List<String> words = new ArrayList<>(all);
    return words.size() < 2 ? String.join("", words)
        : String.join(", ", words.subList(0, words.size() - 1)) + " or " + words.get(words.size() - 1);
  }

  private void add(int line, int column, String what) {
    if (errors.size() > MOST_UNREADABLE) {
      return; // more than anybody reads
    }
    String source = line >= 1 && line <= lines.length ? lines[line - 1] : "";
    String shown = source.length() > 200 ? source.substring(0, 200) + "…" : source;
    String caret = column <= 200 ? "\n  " + source.substring(0, Math.min(column, source.length())).replaceAll("[^\\t]", " ")
        + "^" : "";
    errors.putIfAbsent((long) line << 32 | column,
        file + ":" + line + ":" + (column + 1) + ": " + printable(what) + "\n  " + printable(shown) + caret);
  }

  private static String printable(String text) {
    return text.replaceAll("[\\p{Cc}&&[^\t\n]]", "\uFFFD");
  }

  boolean any() {
    return !errors.isEmpty();
  }

  List<String> list() {
    return errors.values().stream().limit(MOST).toList();
  }
}
