package dev.catena.tools;

import dev.catena.runtime.text.TextStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;

/** Where generated tokens go as they come. */
interface TokenOutput {
  /** Takes the next token. @return whether a stop text has come with it */
  boolean accept(int id);

  /** Gives what was kept back and ends the line. */
  void finish();

  /** The tokens' text, in pieces that are flushed at once. */
  static TokenOutput text(TextStream stream, PrintStream out) {
    return new TokenOutput() {
      @Override
      public boolean accept(int id) {
        print(stream.add(id), out);
        return stream.stopped();
      }

      @Override
      public void finish() {
        print(stream.flush() + "\n", out);
      }
    };
  }

  /** The ids themselves with commas between, on one line. */
  static TokenOutput ids(PrintStream out) {
    return new TokenOutput() {
      private String separator = "";

      @Override
      public boolean accept(int id) {
        print(separator + id, out);
        separator = ",";
        return false;
      }

      @Override
      public void finish() {
        print("\n", out);
      }
    };
  }

  /** The same, until the text of the ids holds one of the stream's stop texts. */
  static TokenOutput idsUntilStop(TextStream stream, PrintStream out) {
    TokenOutput ids = ids(out);
    return new TokenOutput() {
      @Override
      public boolean accept(int id) {
        ids.accept(id);
        stream.add(id);
        return stream.stopped();
      }

      @Override
      public void finish() {
        ids.finish();
      }
    };
  }

  private static void print(String piece, PrintStream out) {
    if (piece.isEmpty()) {
      return;
    }
    out.print(piece);
    if (out.checkError()) {   // flushes; true when the reader of a pipe is gone
      throw new UncheckedIOException(new IOException("standard output can't be written any more"));
    }
  }
}
