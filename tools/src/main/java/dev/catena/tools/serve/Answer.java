package dev.catena.tools.serve;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.catena.runtime.FinishReason;
import java.util.UUID;

/** The JSON of one answer, as OpenAI's API has it: whole, or in the pieces of a stream. */
final class Answer {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String id;
  private final long created;
  private final String model;
  private final CompletionCall call;

  Answer(String model, CompletionCall call) {
    this.model = model;
    this.call = call;
    id = (call.chat() ? "chatcmpl-" : "cmpl-") + UUID.randomUUID();
    created = System.currentTimeMillis() / 1000;
  }

  /** @param ids what was generated, or null where the answer doesn't have them */
  ObjectNode whole(String text, int[] ids, FinishReason reason, int generated) {
    ObjectNode answer = answer(call.chat() ? "chat.completion" : "text_completion");
    ObjectNode choice = choice(answer, ids, reason);
    if (call.chat()) {
      choice.putObject("message").put("role", "assistant").put("content", text);
    } else {
      choice.put("text", text);
    }
    usage(answer, generated);
    return answer;
  }

  /** The first piece of a conversation's stream: whose turn it is. */
  ObjectNode role() {
    ObjectNode piece = answer("chat.completion.chunk");
    choice(piece, null, null).putObject("delta").put("role", "assistant").put("content", "");
    return piece;
  }

  /** @param reason why it ends with this piece, or null */
  ObjectNode piece(String text, int[] ids, FinishReason reason) {
    ObjectNode piece = answer(call.chat() ? "chat.completion.chunk" : "text_completion");
    ObjectNode choice = choice(piece, ids, reason);
    if (!call.chat()) {
      choice.put("text", text);
      return piece;
    }
    ObjectNode delta = choice.putObject("delta");
    if (!text.isEmpty()) {
      delta.put("content", text);
    }
    return piece;
  }

  /** The last piece where the client wants to know how many tokens there were. */
  ObjectNode usagePiece(int generated) {
    ObjectNode piece = answer(call.chat() ? "chat.completion.chunk" : "text_completion");
    piece.putArray("choices");
    usage(piece, generated);
    return piece;
  }

  static ObjectNode error(int status, String message) {
    ObjectNode answer = JSON.createObjectNode();
    answer.putObject("error").put("message", message).put("code", status)
        .put("type", status < 500 ? "invalid_request_error" : "server_error");
    return answer;
  }

  private ObjectNode answer(String object) {
    return JSON.createObjectNode().put("id", id).put("object", object).put("created", created).put("model", model);
  }

  private static ObjectNode choice(ObjectNode answer, int[] ids, FinishReason reason) {
    ObjectNode choice = answer.putArray("choices").addObject().put("index", 0);
    choice.putNull("logprobs");
    choice.put("finish_reason", reason == null ? null : switch (reason) {
      case LENGTH, CONTEXT_FULL -> "length";
      default -> "stop";
    });
    if (ids != null) {
      ArrayNode list = choice.putArray("token_ids");
      for (int each : ids) {
        list.add(each);
      }
    }
    return choice;
  }

  private void usage(ObjectNode answer, int generated) {
    answer.putObject("usage").put("prompt_tokens", call.prompt().length).put("completion_tokens", generated)
        .put("total_tokens", call.prompt().length + generated);
  }
}
