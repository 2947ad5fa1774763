package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.ContextFullException;
import dev.catena.runtime.text.TextTokenizer;

/** The ids that a prompt becomes. */
public final class TokenIds {
  private TokenIds() {}

  /** Reads {@code 1,2,3}. @throws UserError for anything else, and for ids outside the vocabulary */
  static int[] parse(String list, int vocabulary) {
    String[] parts = list.split(",", -1);
    int[] ids = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      String part = parts[i].strip();
      try {
        ids[i] = Integer.parseInt(part);
      } catch (NumberFormatException e) {
        throw new UserError("--ids: '" + part + "' is not a token id; write numbers with commas, such as 1,2,3");
      }
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new UserError("--ids: " + ids[i] + " is not in the vocabulary (0 to " + (vocabulary - 1) + ")");
      }
    }
    return ids;
  }

  /** The ids of a text, BOS in front where the model wants it and this is a sequence's start. */
  public static int[] encode(String text, TextTokenizer tokenizer, Manifest.Model model, boolean start) {
    int[] ids = tokenizer.encode(text);
    if (!start || !model.addBos()) {
      return ids;
    }
    int[] withBos = new int[ids.length + 1];
    withBos[0] = model.bos();
    System.arraycopy(ids, 0, withBos, 1, ids.length);
    return withBos;
  }

  /**
   * Likewise of a whole prompt, which is refused first where its length says that it can't fit: to encode a book takes minutes.
   *
   * @throws ContextFullException when a prompt is too long for any context of the model
   */
  public static int[] encodePrompt(String prompt, TextTokenizer tokenizer, Manifest.Model model, boolean start) {
    if (tokenizer.isSurelyLongerThan(model.maxSeqLen(), prompt)) {
      throw new ContextFullException("the prompt has " + prompt.length() + " characters, more than the context's " + model.maxSeqLen()
          + " tokens can hold");
    }
    return encode(prompt, tokenizer, model, start);
  }

  /** @throws UserError when a prompt has no ids, or more than the model has positions */
  static void requireFits(int[] ids, int context) {
    if (ids.length == 0) {
      throw new UserError("the prompt is empty: there is no token to start from");
    }
    if (ids.length > context) {
      throw new UserError("the prompt has " + ids.length + " tokens, more than the context's " + context
          + "; shorten it, or compile with a larger --max-seq-len where the model allows it");
    }
  }
}
