package dev.catena.tools;

import dev.catena.sim.timing.Card;
import java.nio.file.Path;
import java.util.List;

/**
 * What {@code inspect --kernels} is to predict.
 *
 * @param context  positions at which a sequence decodes; 0: {@value #DEFAULT_CONTEXT}, or as many as the model has
 * @param batches  sequences that decode, of the steps that are wanted; none: those that show each kernel
 * @param card     what {@code devices --measure} wrote of a card, or null
 * @param counters whether what was counted is printed, too
 * @param besideExperimental whether what {@code compile --experimental} would make of it is predicted beside it
 */
record PredictionOptions(int context, List<Integer> batches, Path card, boolean counters, boolean besideExperimental) {
  private static final int DEFAULT_CONTEXT = 512;

  /** Those that are predicted for. @throws UserError when the file is none of a card */
  List<Card> cards() {
    return card == null ? Card.known() : List.of(CardFile.read(card));
  }

  /** @throws UserError when the model has no such context */
  int contextOf(int maxSeqLen) {
    if (context < 0 || context > maxSeqLen) {
      throw new UserError("--context " + context + ": the model has 1 to " + maxSeqLen + " positions");
    }
    return context > 0 ? context : Math.min(DEFAULT_CONTEXT, maxSeqLen);
  }

  /** @throws UserError when the artifact has no such steps */
  List<Integer> batchesOf(int maxRows) {
    batches.stream().filter(batch -> batch < 1 || batch > maxRows).findFirst().ifPresent(batch -> {
      throw new UserError("--batch " + batch + ": the artifact has steps of 1 to " + maxRows + " rows");
    });
    return batches;
  }
}
