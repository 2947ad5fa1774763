package dev.catena.tools;

import dev.catena.runtime.Session;
import java.util.ArrayList;
import java.util.List;

/**
 * Artifacts on one text, window by window and side by side, so that no more than one window of the first one's logits is
 * kept.
 */
final class Evaluation {
  private final List<OpenModel> models;
  private final DeviceOptions devices;
  private final int positions;

  /** @param positions of the longest window */
  Evaluation(List<OpenModel> models, DeviceOptions devices, int positions) {
    this.models = models;
    this.devices = devices;
    this.positions = positions;
  }

  /** One score for each model; {@code sessionBytes} receives what each session took. */
  List<TextScore> run(List<TextWindows.Window> windows, List<Long> sessionBytes) {
    int vocabulary = models.get(0).facts().vocab();
    List<TextScore> scores = new ArrayList<>();
    List<Session> sessions = new ArrayList<>();
    long steps = windows.stream().mapToLong(w -> w.fed().length).sum() * models.size();
    try (Console.Progress progress = Console.progress("scoring", steps, " tokens", 1)) {
      for (OpenModel model : models) {
        sessions.add(model.model().newSession(devices.session(model.model(), positions)));
        sessionBytes.add(sessions.get(sessions.size() - 1).memoryBytes());
        scores.add(new TextScore(vocabulary));
      }
      float[] reference = models.size() == 1 ? null : new float[Math.multiplyExact(positions, vocabulary)];
      for (TextWindows.Window window : windows) {
        for (int m = 0; m < sessions.size(); m++) {
          score(sessions.get(m), window, scores.get(m), m, reference, vocabulary);
          progress.step(window.fed().length);
        }
      }
      return scores;
    } finally {
      sessions.forEach(Session::close);
    }
  }

  private static void score(Session session, TextWindows.Window window, TextScore score, int model, float[] reference,
      int vocabulary) {
    session.truncate(0);
    session.feed(window.fed(), (position, logits) -> {
      if (position < window.first()) {
        return;
      }
      if (model == 0 && reference != null) {
        logits.get(0, reference, position * vocabulary, vocabulary);
      }
      score.add(logits, window.target()[position], model == 0 ? null : reference, position * vocabulary);
    });
  }
}
