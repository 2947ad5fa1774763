package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RunsTest {
  private static List<Integer> lengths(String... items) {
    return Runs.of(List.of(items), Objects::equals).stream().map(run -> run.members().size()).toList();
  }

  @Test
  void threeAndMoreNeighboursAreFolded() {
    assertEquals(List.of(1, 3, 1), lengths("e", "d", "d", "d", "n"));
    assertEquals(List.of(1, 1, 1, 4), lengths("e", "d", "d", "n", "n", "n", "n"));
    assertEquals(List.of(), lengths());
  }

  @Test
  void nameOfARunIsItsFirstMembersAndItsLastNumber() {
    assertEquals("decoder_0 … 31", new Runs.Run<>(List.of("decoder_0", "decoder_1", "decoder_31")).name(s -> s));
    assertEquals("norm", new Runs.Run<>(List.of("norm")).name(s -> s));
  }
}
