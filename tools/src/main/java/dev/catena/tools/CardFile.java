package dev.catena.tools;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.sim.timing.Card;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** What {@code devices --measure cuda:0 --json} wrote of a card: it takes the place of the constants that {@link Card} has for it. */
final class CardFile {
  private static final int MOST_BYTES = 64 << 10;

  private CardFile() {}

  /**
   * The card with its measured bandwidth and boundary, and what the driver says of its clock, cache and multiprocessors.
   *
   * @throws UserError in one line that names the file, when it isn't such a file or no such card is known
   */
  static Card read(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new UserError(file + ": is too large for what 'catena devices --measure cuda:0 --json' writes");
      }
      JsonNode json = new ObjectMapper().readTree(bytes);
      String description = json.path("description").asText("");
      double read = json.path("read_bytes_per_s").asDouble(0);
      double boundary = json.path("graph_launch_s").asDouble(0);
      if (description.isEmpty() || !(read >= 1e9 && read <= 1e14) || !(boundary >= 1e-8 && boundary <= 1e-3)) {
        throw new UserError(file + ": is not what 'catena devices --measure cuda:0 --json' writes on a GPU: it lacks a "
            + "likely description, read_bytes_per_s or graph_launch_s");
      }
      JsonNode attributes = json.path("attributes");
      Card.Fitted fitted = new Card.Fitted(read, boundary, json.path("multiprocessors").asInt(0), attributes.path("clock_khz").asDouble(0) * 1e3,
          attributes.path("l2_bytes").asLong(0));
      return Card.named(description).or(() -> Card.like(json.path("capability").asInt(0), description))
          .orElseThrow(() -> new UserError(file + ": nothing is known of '" + description + "'; known are "
              + String.join(", ", Card.known().stream().map(Card::name).toList()))).with(fitted, file.toString());
    } catch (IOException e) {
      throw new UserError(file + ": can't be read as JSON");
    }
  }
}
