package dev.catena.tools;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.function.Function;

/** Neighbours that look alike, so that a model of eighty layers is a table of a few lines. */
final class Runs {
  /** Shorter runs are clearer line by line. */
  private static final int SHORTEST = 3;

  private Runs() {}

  /** @param members at least one, in order */
  record Run<T>(List<T> members) {
    T first() {
      return members.get(0);
    }

    /** {@code decoder_0 … 5}, or the only member's name. */
    String name(Function<T, String> nameOf) {
      String first = nameOf.apply(first());
      if (members.size() == 1) {
        return first;
      }
      String last = nameOf.apply(members.get(members.size() - 1));
      return first + " … " + last.substring(last.lastIndexOf('_') + 1);
    }
  }

  static <T> List<Run<T>> of(List<T> items, BiPredicate<T, T> alike) {
    List<Run<T>> runs = new ArrayList<>();
    int first = 0;
    while (first < items.size()) {
      int end = first + 1;
      while (end < items.size() && alike.test(items.get(first), items.get(end))) {
        end++;
      }
      if (end - first >= SHORTEST) {
        runs.add(new Run<>(List.copyOf(items.subList(first, end))));
      } else {
        items.subList(first, end).forEach(item -> runs.add(new Run<>(List.of(item))));
      }
      first = end;
    }
    return runs;
  }
}
