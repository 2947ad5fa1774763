package dev.catena.tests.shared;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.tests.model.PieceFolder;
import dev.catena.tests.oracle.NumpyArray;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;

/**
 * {@code ref.json} and the logits beside a model: what PyTorch generated greedily, by how much each token won, and the
 * logits of every position that was fed.
 */
public record Reference(int[] prompt, int[] greedy, double[] margins, float[][] logits) {
  public static Reference of(PieceFolder pieces) {
    try {
      JsonNode json = new ObjectMapper().readTree(pieces.path().resolve("ref.json").toFile());
      return new Reference(ints(json.required("prompt")), ints(json.required("greedy")),
          StreamSupport.stream(json.required("top1_minus_top2").spliterator(), false).mapToDouble(JsonNode::doubleValue)
              .toArray(), logits(pieces.path(), "head/%d/out/output"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** @param key name of a step's logits in the archive, a format for the step's number */
  public static float[][] logits(Path folder, String key) {
    Path archive = folder.resolve(Files.exists(folder.resolve("ref.npz")) ? "ref.npz" : "ref_logits.npz");
    List<float[]> rows = new ArrayList<>();
    NumpyArray step;
    for (int i = 0; (step = NumpyArray.read(archive, String.format(key, i))) != null; i++) {
      rows.addAll(Arrays.asList(step.rows()));
    }
    return rows.toArray(float[][]::new);
  }

  private static int[] ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::intValue).toArray();
  }
}
