package dev.catena.tools.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An answer in one piece. One that takes longer than a second begins with spaces, which JSON allows: writing them is how
 * a client that went away is noticed. An error after that comes with status 200.
 */
final class WholeReply {
  private static final long SPACE_MILLIS = 1000;

  private final HttpExchange exchange;
  private final Answer answer;
  private final CompletionCall call;
  private OutputStream out;
  private long lastSign = System.nanoTime();

  WholeReply(HttpExchange exchange, Answer answer, CompletionCall call) {
    this.exchange = exchange;
    this.answer = answer;
    this.call = call;
  }

  void send(TokenFeed feed) throws IOException, InterruptedException, Refusal {
    try (feed) {
      String json;
      try {
        json = whole(feed);
      } catch (Refusal e) {
        if (out == null) {
          throw e;
        }
        json = Answer.error(e.status(), e.getMessage()).toString();
      }
      byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
      if (out == null) {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, bytes.length);
        out = exchange.getResponseBody();
      }
      out.write(bytes);
      out.close();
    }
  }

  private String whole(TokenFeed feed) throws IOException, InterruptedException, Refusal {
    StringBuilder text = new StringBuilder();
    int[] ids = new int[16];
    int count = 0;
    while (feed.reason() == null) {
      while (!feed.await(SPACE_MILLIS)) {
        showLife();
      }
      text.append(feed.next());
      if (feed.id() >= 0) {
        ids = count == ids.length ? Arrays.copyOf(ids, 2 * count) : ids;
        ids[count++] = feed.id();
      }
      showLife();
    }
    return answer.whole(text.toString(), call.giveIds() ? Arrays.copyOf(ids, count) : null, feed.reason(), count).toString();
  }

  private void showLife() throws IOException {
    if (System.nanoTime() - lastSign < SPACE_MILLIS * 1_000_000) {
      return;
    }
    if (out == null) {
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, 0);
      out = exchange.getResponseBody();
    }
    out.write(' ');
    out.flush();
    lastSign = System.nanoTime();
  }
}
