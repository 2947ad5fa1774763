package dev.catena.ir.text;

import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CommonTokenStream;

/** Reads modules in the text form. */
public final class CirReader {
  /** Larger texts are refused: a module of hundreds of layers prints less. */
  private static final long MOST_BYTES = 1L << 28;

  private CirReader() {}

  /** Reads a file; its weights stay symbolic. */
  public static Module read(Path file) throws IOException {
    return read(file, WeightFiles.NONE);
  }

  /** Reads a file whose weights' elements are in {@code files}. */
  public static Module read(Path file, WeightFiles files) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IrException(file + ": is a folder; expected a file in the text form");
    }
    if (Files.size(file) > MOST_BYTES) {
      throw new IrException(file + ": " + Files.size(file) + " bytes are too many for a module's text");
    }
    try {
      return parse(Files.readString(file), file.toString(), files);
    } catch (CharacterCodingException e) {
      throw new IrException(file + ": not UTF-8 text", e);
    }
  }

  /**
   * Reads a text.
   *
   * @param name  how messages call it
   * @param files where weights' elements are
   * @throws CirException with everything that is wrong
   */
  public static Module parse(String text, String name, WeightFiles files) {
    CirErrors errors = new CirErrors(name, text);
    CirLexer lexer = new CirLexer(CharStreams.fromString(text, name));
    lexer.removeErrorListeners();
    lexer.addErrorListener(errors);
    CirParser parser = new CirParser(new CommonTokenStream(lexer));
    parser.removeErrorListeners();
    parser.addErrorListener(errors);
    parser.addParseListener(new CirLimits(errors));
    Module module;
    try {
      CirParser.ModuleContext tree = parser.file().module();
      module = tree == null ? null : new ModuleBuilder(errors, files).build(tree);
    } catch (StackOverflowError e) {
      throw new IrException(name + ": expressions are nested too deeply", e);
    }
    if (errors.any()) {
      throw new CirException(errors.list());
    }
    return module;
  }
}
