package dev.catena.tests.fuzz;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.ForgedArtifact;
import dev.catena.artifact.GraphDescription;
import java.nio.file.Path;
import java.util.List;

/** Bytes as the {@code graph.json} of an artifact that is right in everything else, hashes too. */
public final class GraphDescriptionFuzz {
  private static final Path FILE = ScratchFolder.create("graph").resolve("g.catena");

  private GraphDescriptionFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    Path file = ScratchFolder.write(FILE, ForgedArtifact.withGraph(bytes));
    try (ArtifactReader reader = ArtifactReader.openVerified(file)) {
      GraphDescription graph = reader.graph();
      graph.weights().forEach(weight -> {
        if (weight.bytes() != reader.length(weight.entry())) {
          throw new AssertionError("weight '" + weight.name() + "' isn't as long as its entry");
        }
      });
      graph.inputs().forEach(GraphDescription.Port::text);
    } catch (ArtifactException e) {
      OneLine.check(e, FILE + ": ", List.of(ArtifactException.class));
    }
  }
}
