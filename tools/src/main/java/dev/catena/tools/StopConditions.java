package dev.catena.tools;

import dev.catena.runtime.text.TextTokenizer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What the {@code --stop} options say. A number is a token id, and so is the content of a special token
 * ({@code "<|endoftext|>"}), which has no text that could ever be found; all else is text.
 */
record StopConditions(Set<Integer> ids, List<String> texts) {
  private static final int LONGEST_NUMBER = 9;

  /**
   * @param tokenizer the artifact's, if it has one
   * @throws UserError for an empty text, an id outside the vocabulary, or a text where there is no tokenizer
   */
  static StopConditions of(List<String> given, int vocabulary, Optional<TextTokenizer> tokenizer) {
    Set<Integer> ids = new LinkedHashSet<>();
    List<String> texts = new ArrayList<>();
    for (String stop : given) {
      if (stop.isEmpty()) {
        throw new UserError("--stop: a stop text must not be empty");
      }
      OptionalInt special = tokenizer.map(t -> t.id(stop)).filter(id -> id.isPresent()
          && tokenizer.get().isSpecial(id.getAsInt())).orElse(OptionalInt.empty());
      if (isNumber(stop)) {
        ids.add(id(stop, vocabulary));
      } else if (special.isPresent()) {
        ids.add(special.getAsInt());
      } else if (tokenizer.isEmpty()) {
        throw new UserError("--stop " + stop + ": the artifact has no tokenizer, so only ids can be stopped at");
      } else {
        texts.add(stop);
      }
    }
    return new StopConditions(Set.copyOf(ids), List.copyOf(texts));
  }

  /** Whether any of the options is a text, for which a tokenizer must be opened. */
  static boolean needTokenizer(List<String> given) {
    return given.stream().anyMatch(stop -> !isNumber(stop));
  }

  private static boolean isNumber(String stop) {
    return stop.matches("[0-9]+");
  }

  private static int id(String stop, int vocabulary) {
    if (stop.length() > LONGEST_NUMBER || Integer.parseInt(stop) >= vocabulary) {
      throw new UserError("--stop " + stop + ": is not in the vocabulary (0 to " + (vocabulary - 1) + ")");
    }
    return Integer.parseInt(stop);
  }

  String described() {
    List<String> all = new ArrayList<>();
    ids.forEach(id -> all.add(Integer.toString(id)));
    texts.forEach(text -> all.add('"' + text.replace("\n", "\\n") + '"'));
    return String.join(" ", all);
  }
}
