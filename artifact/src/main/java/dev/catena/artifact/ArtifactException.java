package dev.catena.artifact;

import java.nio.file.Path;

/** An artifact that can't be written, or that is refused: truncated, altered, foreign or newer. Names file and reason. */
public class ArtifactException extends CatenaException {
    public ArtifactException(Path file, String reason) {
        super(file + ": " + reason);
    }

    public ArtifactException(Path file, String reason, Throwable cause) {
        super(file + ": " + reason, cause);
    }
}
