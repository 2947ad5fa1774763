package dev.catena.tools;

import dev.catena.codegen.Launch;
import dev.catena.codegen.cuda.CardRates;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.ReckonedConfigurations;
import dev.catena.codegen.cuda.TunedKernels;
import dev.catena.sim.timing.Card;
import dev.catena.sim.timing.PredictedTime;
import java.util.List;
import java.util.Optional;

/** How kernels are configured that no card has measured, by what is known of the cards that they are for ({@link Card}). */
final class PredictedKernels {
  private PredictedKernels() {}

  /**
   * A table with these kernels, too.
   *
   * @param inBulk whether weights of few rows come by bulk copies
   * @param card   that the code is for, as its driver names it
   */
  static TunedKernels addedTo(TunedKernels measured, List<List<Launch>> stages, int maxRows, CudaTarget target, boolean inBulk, Optional<String> card) {
    return ReckonedConfigurations.addedTo(measured, stages, maxRows, inBulk, cards(target, card));
  }

  /** The one that is named, if it runs the target's code; else all that this is made for. */
  static List<CardRates> cards(CudaTarget target, Optional<String> card) {
    return card.flatMap(Card::named).filter(named -> named.runsCodeOf(target.capability())).map(List::of).orElseGet(() -> Card.of(target.capability()))
        .stream().map(PredictedKernels::rates).toList();
  }

  private static CardRates rates(Card card) {
    return new CardRates(card.multiprocessors(), card.clock(), card.memory().readBytesPerSecond(), card.rates().matrixMultiplyAdds(),
        card.memory().bytesUnderWay(), PredictedTime.JOIN * card.latencySeconds());
  }
}
