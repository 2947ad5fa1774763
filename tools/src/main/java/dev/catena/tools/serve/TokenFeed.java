package dev.catena.tools.serve;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.sampling.BadLogitsException;
import dev.catena.runtime.text.TextStream;
import dev.catena.runtime.text.TextTokenizer;
import java.util.Optional;

/**
 * The text of a request as it comes. A request that isn't read to its end is cancelled by {@link #close}.
 */
final class TokenFeed implements AutoCloseable {
  private final Request request;
  /** Null without a tokenizer. */
  private final TextStream text;
  private FinishReason reason;
  private int id;

  TokenFeed(Scheduler scheduler, CompletionCall call, Optional<TextTokenizer> tokenizer) {
    text = tokenizer.map(t -> new TextStream(t, call.stops(), call.prompt())).orElse(null);
    request = scheduler.submit(call.prompt(), call.options());
  }

  /** @return whether {@link #next} would answer at once within {@code millis} */
  boolean await(long millis) throws InterruptedException {
    return request.awaitToken(millis);
  }

  /**
   * Waits for the next token.
   *
   * @return what is certain of the text now, often empty; after the last token null
   * @throws Refusal when the request failed
   */
  String next() throws Refusal, InterruptedException {
    if (reason != null) {
      return null;
    }
    if (!request.hasNext()) {
      reason = request.await();
      if (reason == FinishReason.FAILED) {
        throw new Refusal(500, request.failure() instanceof BadLogitsException || request.failure() instanceof DeviceException
            ? request.failure().getMessage() : "the model failed: " + request.failure());
      } else if (reason == FinishReason.CANCELLED) {
        throw new Refusal(503, "the server is going down");
      }
      id = -1;
      return text == null ? "" : text.flush();
    }
    id = request.nextInt();
    String added = text == null ? "" : text.add(id);
    if (text != null && text.stopped()) {
      reason = FinishReason.STOP_TEXT;
      request.stop(reason);
    }
    return added;
  }

  /** The id that {@link #next} took, or −1 at the end. */
  int id() {
    return id;
  }

  /** Why it ended, once {@link #next} has given all of its text. */
  FinishReason reason() {
    return reason;
  }

  /** Tokens that were generated. */
  int count() {
    return request.count();
  }

  @Override
  public void close() {
    if (reason == null) {
      request.cancel();
    }
  }
}
