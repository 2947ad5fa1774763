package dev.catena.tools.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * An answer as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), a piece for each token.
 * While there is none, a comment every second finds out whether the client is still there.
 */
final class StreamedReply {
  private static final long COMMENT_MILLIS = 1000;

  private final HttpExchange exchange;
  private final Answer answer;
  private final CompletionCall call;

  StreamedReply(HttpExchange exchange, Answer answer, CompletionCall call) {
    this.exchange = exchange;
    this.answer = answer;
    this.call = call;
  }

  void send(TokenFeed feed) throws IOException, InterruptedException {
    try (feed) {
      exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
      exchange.getResponseHeaders().set("Cache-Control", "no-store");
      exchange.sendResponseHeaders(200, 0);
      try (OutputStream out = exchange.getResponseBody()) {
        if (call.chat()) {
          event(out, answer.role().toString());
        }
        try {
          pieces(feed, out);
        } catch (Refusal e) {
          event(out, Answer.error(e.status(), e.getMessage()).toString());
        }
        event(out, "[DONE]");
      }
    }
  }

  private void pieces(TokenFeed feed, OutputStream out) throws IOException, InterruptedException, Refusal {
    while (feed.reason() == null) {
      while (!feed.await(COMMENT_MILLIS)) {
        write(out, ": waiting\n\n");
      }
      String text = feed.next();
      int[] ids = !call.giveIds() ? null : feed.id() < 0 ? new int[0] : new int[] {feed.id()};
      if (!text.isEmpty() || call.giveIds() || feed.reason() != null) {
        event(out, answer.piece(text, ids, feed.reason()).toString());
      }
    }
    if (call.includeUsage()) {
      ObjectNode usage = answer.usagePiece(feed.count());
      event(out, usage.toString());
    }
  }

  private static void event(OutputStream out, String data) throws IOException {
    write(out, "data: " + data + "\n\n");
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
