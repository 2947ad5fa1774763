package dev.catena.tools.page;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LineDiffTest {
  @Test
  void numbersOfValuesAreNoChange() {
    List<String> before = List.of("a", "%x_1 = nn.add %y_2, %y", "gone", "%z = nn.silu %x_1");
    List<String> after = List.of("a", "%x = nn.add %y, %y", "%z = nn.silu %x", "new");
    assertEquals(List.of(LineDiff.KEPT, 1, LineDiff.RENUMBERED, 1, LineDiff.REMOVED, 1, LineDiff.RENUMBERED, 1,
        LineDiff.ADDED, 1), LineDiff.of(before, after));
  }

  @Test
  void numbersElsewhereAreChanges() {
    assertEquals(List.of(LineDiff.REMOVED, 1, LineDiff.ADDED, 1), LineDiff.of(List.of("@w_1 12_3"), List.of("@w_2 12_3")));
  }

  /** What is removed, kept and added, in order, gives both texts. */
  @Test
  void scriptLeadsFromOneTextToTheOther() {
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      List<String> before = text(random);
      List<String> after = text(random);
      List<Integer> script = LineDiff.of(before, after);
      List<String> rebuilt = new ArrayList<>();
      int at = 0;
      for (int i = 0; i < script.size(); i += 2) {
        for (int n = 0; n < script.get(i + 1); n++) {
          switch (script.get(i)) {
            case LineDiff.REMOVED -> at++;
            case LineDiff.ADDED -> rebuilt.add(after.get(rebuilt.size()));
            case LineDiff.KEPT -> rebuilt.add(before.get(at++));
            default -> {
              String same = after.get(rebuilt.size());
              assertEquals(before.get(at++).replaceAll("_[0-9]", ""), same.replaceAll("_[0-9]", ""));
              rebuilt.add(same);
            }
          }
        }
      }
      assertEquals(before.size(), at, "seed " + seed);
      assertEquals(after, rebuilt, "seed " + seed);
    }
  }

  private static List<String> text(Random random) {
    List<String> lines = new ArrayList<>();
    for (int n = random.nextInt(12); n > 0; n--) {
      lines.add("%" + "ab".charAt(random.nextInt(2)) + (random.nextBoolean() ? "_" + random.nextInt(3) : "") + " = "
          + "xyz".charAt(random.nextInt(3)));
    }
    return lines;
  }
}
