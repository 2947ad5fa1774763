package dev.catena.tools.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.catena.runtime.text.TextTokenizer;
import java.util.Set;

/**
 * How a conversation becomes one text. An artifact has no chat template; the special tokens of its tokenizer tell the two
 * formats that most models use.
 */
enum ChatFormat {
  /** OpenAI's ChatML: Qwen and many others. */
  CHATML("", "<|im_start|>%s\n%s<|im_end|>\n", "<|im_start|>assistant\n", "<|im_end|>"),
  /** Llama 3 and later. */
  LLAMA3("<|begin_of_text|>", "<|start_header_id|>%s<|end_header_id|>\n\n%s<|eot_id|>",
      "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
  /** What was said, a message a line: for models that know no roles. */
  PLAIN("", "%2$s\n", "", null);

  private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant");
  private static final int MOST_MESSAGES = 1024;

  private final String start;
  private final String message;
  private final String answer;
  private final String end;

  ChatFormat(String start, String message, String answer, String end) {
    this.start = start;
    this.message = message;
    this.answer = answer;
    this.end = end;
  }

  static ChatFormat of(TextTokenizer tokenizer) {
    return tokenizer.id("<|im_start|>").isPresent() && tokenizer.id("<|im_end|>").isPresent() ? CHATML
        : tokenizer.id("<|start_header_id|>").isPresent() && tokenizer.id("<|eot_id|>").isPresent() ? LLAMA3 : PLAIN;
  }

  /** The token that ends an answer, or null where only the model's own end of text does. */
  String end() {
    return end;
  }

  /** What goes in front of a conversation in place of the BOS that a plain text gets; empty if it gets that. */
  String start() {
    return start;
  }

  /** @param messages OpenAI's {@code messages}: objects with {@code role} and {@code content} */
  String text(JsonNode messages) throws Refusal {
    if (messages == null || !messages.isArray() || messages.isEmpty() || messages.size() > MOST_MESSAGES) {
      throw Refusal.badRequest("messages: expected 1 to " + MOST_MESSAGES + " objects with role and content");
    }
    StringBuilder text = new StringBuilder(start);
    for (JsonNode each : messages) {
      String role = each.path("role").asText();
      if (!ROLES.contains(role)) {
        throw Refusal.badRequest("messages: role must be one of system, developer, user and assistant");
      }
      text.append(message.formatted(role, content(each.path("content"))));
    }
    return text.append(answer).toString();
  }

  /** A text, or a list of parts of which each is a text. */
  private static String content(JsonNode content) throws Refusal {
    if (content.isTextual()) {
      return content.textValue();
    }
    if (!content.isArray()) {
      throw Refusal.badRequest("messages: content must be a text or a list of texts");
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      if (!part.path("type").asText().equals("text") || !part.path("text").isTextual()) {
        throw Refusal.badRequest("messages: a part of content must be of type text; this model reads nothing else");
      }
      text.append(part.get("text").textValue());
    }
    return text.toString();
  }
}
