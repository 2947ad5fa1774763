package dev.catena.tests.shared;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.tests.model.PieceFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.stream.StreamSupport;

/** {@code ref.json} beside a model: what PyTorch generated greedily, and by how much each token won. */
public record Reference(int[] prompt, int[] greedy, double[] margins) {
  public static Reference of(PieceFolder pieces) {
    try {
      JsonNode json = new ObjectMapper().readTree(pieces.path().resolve("ref.json").toFile());
      return new Reference(ints(json.required("prompt")), ints(json.required("greedy")),
          StreamSupport.stream(json.required("top1_minus_top2").spliterator(), false).mapToDouble(JsonNode::doubleValue)
              .toArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int[] ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::intValue).toArray();
  }
}
