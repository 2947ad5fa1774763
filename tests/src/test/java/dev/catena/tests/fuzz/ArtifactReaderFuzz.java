package dev.catena.tests.fuzz;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.ForgedArtifact;
import java.nio.file.Path;
import java.util.List;

/**
 * Bytes as an artifact. What begins as JSON is taken for the manifest of an artifact that is right in everything else,
 * hashes too: what stands behind the checksums must be as safe as what stands before them.
 */
public final class ArtifactReaderFuzz {
  private static final Path FILE = ScratchFolder.create("artifact").resolve("m.catena");

  private ArtifactReaderFuzz() {}

  public static void fuzzerTestOneInput(byte[] bytes) {
    boolean isManifest = bytes.length > 0 && bytes[0] == '{';
    Path file = ScratchFolder.write(FILE, isManifest ? ForgedArtifact.withManifest(bytes) : bytes);
    try (ArtifactReader reader = ArtifactReader.openVerified(file)) {
      if (reader.isGraph()) {
        reader.graph();
      }
      for (String name : reader.names()) {
        if (reader.offset(name) + reader.length(name) > reader.size()) {
          throw new AssertionError("entry '" + name + "' ends outside the file");
        }
      }
    } catch (ArtifactException e) {
      OneLine.check(e, FILE + ": ", List.of(ArtifactException.class));
    }
  }
}
