package dev.catena.tests.oracle;

import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** An artifact in the runtime with one sequence, fed like the judges. */
public final class CompiledModel implements AutoCloseable {
  private final CatenaModel model;
  private final Session session;

  public CompiledModel(Path artifact, SessionOptions options) {
    model = CatenaModel.open(artifact);
    try {
      session = model.newSession(options);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  public CompiledModel(Path artifact) {
    this(artifact, SessionOptions.defaults().withThreads(2));
  }

  /** Feeds the next tokens of the sequence. Returns the logits of each, {@code [ids.length][vocab]}. */
  public float[][] feed(int... ids) {
    return feed(session, ids);
  }

  /** Feeds tokens to any session and returns the logits of each. */
  public static float[][] feed(Session session, int... ids) {
    List<float[]> rows = new ArrayList<>();
    int first = session.position();
    session.feed(ids, (position, logits) -> {
      if (position != first + rows.size()) {
        throw new AssertionError("logits of position " + position + ", expected " + (first + rows.size()));
      }
      float[] row = new float[logits.remaining()];
      logits.get(row);
      rows.add(row);
    });
    return rows.toArray(float[][]::new);
  }

  @Override
  public void close() {
    session.close();
    model.close();
  }
}
