package dev.catena.tools.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.sampling.SamplingParameters;
import dev.catena.runtime.text.TextTokenizer;
import dev.catena.tools.TokenIds;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What a client asks for, checked.
 *
 * @param prompt       ids
 * @param stops        texts that end the answer
 * @param chat         whether it came as a conversation
 * @param stream       whether the answer is to come token by token
 * @param includeUsage whether a stream ends with the count of tokens
 * @param giveIds      whether the answer has the ids as well
 */
record CompletionCall(int[] prompt, GenerationOptions options, List<String> stops, boolean chat, boolean stream,
    boolean includeUsage, boolean giveIds) {
  /** Of a completion that says nothing of its length, as OpenAI has it. */
  private static final int DEFAULT_TOKENS = 16;
  private static final int MOST_STOPS = 16;
  private static final int LONGEST_STOP = 1024;

  /** @throws Refusal for what isn't understood or can't be done */
  static CompletionCall of(JsonNode body, boolean chat, Manifest.Model model, Optional<TextTokenizer> tokenizer) throws Refusal {
    if (!body.isObject()) {
      throw Refusal.badRequest("the body must be a JSON object");
    }
    refuseWhatIsMissing(body);
    Set<Integer> stopIds = Set.of();
    int[] prompt;
    if (chat) {
      TextTokenizer texts = tokenizer.orElseThrow(() -> Refusal.badRequest("this model has no tokenizer: use /v1/completions with ids"));
      ChatFormat format = ChatFormat.of(texts);
      prompt = TokenIds.encodePrompt(format.text(body.get("messages")), texts, model, format.start().isEmpty());
      OptionalInt end = format.end() == null ? OptionalInt.empty() : texts.id(format.end());
      stopIds = end.isPresent() ? Set.of(end.getAsInt()) : stopIds;
    } else {
      prompt = prompt(body.get("prompt"), model, tokenizer);
    }
    if (prompt.length == 0) {
      throw Refusal.badRequest("the prompt is empty: there is no token to start from");
    }
    int rest = model.maxSeqLen() - prompt.length + 1;
    String limit = body.hasNonNull("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
    int tokens = integer(body, limit, chat ? Math.max(rest, 1) : DEFAULT_TOKENS, 1, Integer.MAX_VALUE);
    GenerationOptions options = GenerationOptions.sampling(sampling(body)).withMaxTokens(tokens).withStopIds(stopIds)
        .withIgnoreEos(flag(body, "ignore_eos"));
    List<String> stops = stops(body.get("stop"));
    if (tokenizer.isEmpty() && !stops.isEmpty()) {
      throw Refusal.badRequest("stop: this model has no tokenizer");
    }
    return new CompletionCall(prompt, options, stops, chat, flag(body, "stream"),
        flag(streamOptions(body), "include_usage"), tokenizer.isEmpty() || flag(body, "return_token_ids"));
  }

  private static JsonNode streamOptions(JsonNode body) throws Refusal {
    JsonNode options = body.path("stream_options");
    if (options.isMissingNode() || options.isNull() || options.isObject()) {
      return options;
    }
    throw Refusal.badRequest("stream_options: must be an object");
  }

  private static void refuseWhatIsMissing(JsonNode body) throws Refusal {
    integer(body, "n", 1, 1, 1);
    integer(body, "best_of", 1, 1, 1);
    number(body, "frequency_penalty", 0, 0, 0);
    number(body, "presence_penalty", 0, 0, 0);
    for (String name : List.of("echo", "suffix", "logit_bias", "tools", "functions", "response_format", "logprobs", "top_logprobs")) {
      JsonNode value = body.get(name);
      boolean plain = value == null || value.isNull() || value.isBoolean() && !value.booleanValue() || value.isContainerNode() && value.isEmpty()
          || value.path("type").asText().equals("text");
      if (!plain) {
        throw Refusal.badRequest(name + ": is not supported");
      }
    }
  }

  private static int[] prompt(JsonNode prompt, Manifest.Model model, Optional<TextTokenizer> tokenizer) throws Refusal {
    if (prompt != null && prompt.isTextual()) {
      TextTokenizer texts = tokenizer.orElseThrow(() -> Refusal.badRequest("prompt: this model has no tokenizer; give a list of token ids"));
      return TokenIds.encodePrompt(prompt.textValue(), texts, model, true);
    }
    if (prompt == null || !prompt.isArray()) {
      throw Refusal.badRequest("prompt: expected a text or a list of token ids");
    }
    int[] ids = new int[prompt.size()];
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = prompt.get(i);
      if (!id.isInt() || id.intValue() < 0 || id.intValue() >= model.vocab()) {
        throw Refusal.badRequest("prompt: expected a text or a list of token ids, 0 to " + (model.vocab() - 1));
      }
      ids[i] = id.intValue();
    }
    return ids;
  }

  private static SamplingParameters sampling(JsonNode body) throws Refusal {
    JsonNode seed = body.path("seed");
    if (!seed.isMissingNode() && !seed.isNull() && !(seed.isIntegralNumber() && seed.canConvertToLong())) {
      throw Refusal.badRequest("seed: must be a whole number");
    }
    return new SamplingParameters(number(body, "temperature", 1, 0, 100), integer(body, "top_k", 0, 0, Integer.MAX_VALUE),
        number(body, "top_p", 1, 0, 1), number(body, "min_p", 0, 0, 1), number(body, "repeat_penalty", 1, 1e-3, 1e3),
        seed.canConvertToLong() ? seed.longValue() : ThreadLocalRandom.current().nextLong());
  }

  private static List<String> stops(JsonNode stop) throws Refusal {
    List<String> texts = new ArrayList<>();
    if (stop != null && stop.isTextual()) {
      texts.add(stop.textValue());
    } else if (stop != null && stop.isArray() && stop.size() <= MOST_STOPS) {
      for (JsonNode each : stop) {
        texts.add(each.isTextual() ? each.textValue() : "");
      }
    } else if (stop != null && !stop.isNull()) {
      throw Refusal.badRequest("stop: expected a text or up to " + MOST_STOPS + " texts");
    }
    for (String text : texts) {
      if (text.isEmpty() || text.length() > LONGEST_STOP) {
        throw Refusal.badRequest("stop: a text must have 1 to " + LONGEST_STOP + " characters");
      }
    }
    return texts;
  }

  private static boolean flag(JsonNode body, String name) throws Refusal {
    JsonNode value = body.path(name);
    if (value.isMissingNode() || value.isNull() || value.isBoolean()) {
      return value.asBoolean();
    }
    throw Refusal.badRequest(name + ": must be true or false");
  }

  private static int integer(JsonNode body, String name, int otherwise, int least, int most) throws Refusal {
    JsonNode value = body.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isInt() || value.intValue() < least || value.intValue() > most) {
      throw Refusal.badRequest(name + ": must be " + (least == most ? Integer.toString(least)
          : "a whole number from " + least + (most == Integer.MAX_VALUE ? "" : " to " + most)));
    }
    return value.intValue();
  }

  private static double number(JsonNode body, String name, double otherwise, double least, double most) throws Refusal {
    JsonNode value = body.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isNumber() || !(value.doubleValue() >= least && value.doubleValue() <= most)) {
      throw Refusal.badRequest(name + ": must be " + (least == most ? Double.toString(least) : "a number from " + least + " to " + most));
    }
    return value.doubleValue();
  }
}
