package dev.catena.tools.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.runtime.sampling.SamplingParameters;
import dev.catena.runtime.text.TextTokenizer;
import dev.catena.tools.Catena;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server over the model that is in the checkout, asked by the JDK's client; judged by a session of its own. */
@Timeout(600)
class CompletionServerTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PROMPT = "Once upon a time";
  private static final int CONTEXT = 300;
  private static final SessionOptions SESSION = SessionOptions.defaults().withThreads(2).withMaxSequenceLength(CONTEXT);

  @TempDir
  private static Path folder;

  private static CatenaModel model;
  private static TextTokenizer tokenizer;
  private static Scheduler scheduler;
  private static CompletionServer server;
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  @BeforeAll
  static void start() throws Exception {
    Path artifact = folder.resolve("tale.catena");
    assertEquals(0, Catena.run("compile", "../models/tale/split-fp16", "-o", artifact.toString(), "--wbits", "8"));
    model = CatenaModel.open(artifact);
    tokenizer = TextTokenizer.of(model.tokenizerJson().orElseThrow(), "tokenizer.json");
    scheduler = model.newScheduler(SchedulerOptions.defaults().withSession(SESSION).withMaxSequences(4).withMaxWaiting(6));
    server = new CompletionServer("tale", new InetSocketAddress("127.0.0.1", 0), model.manifest().model(), Optional.of(tokenizer),
        scheduler, 20);
  }

  @AfterAll
  static void stop() {
    server.close();
    scheduler.close();
    tokenizer.close();
    model.close();
  }

  private static URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.address().getPort() + path);
  }

  private static HttpRequest post(String path, String body) {
    return HttpRequest.newBuilder(uri(path)).POST(HttpRequest.BodyPublishers.ofString(body)).build();
  }

  private static HttpResponse<String> send(HttpRequest request) throws Exception {
    return CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private static JsonNode completion(String body) throws Exception {
    HttpResponse<String> response = send(post("/v1/completions", body));
    assertEquals(200, response.statusCode(), response.body());
    assertEquals("application/json", response.headers().firstValue("Content-Type").orElseThrow());
    return JSON.readTree(response.body());
  }

  /** The ids that a session gives for the prompt, BOS in front. */
  private static int[] alone(String prompt, SamplingParameters sampling, int tokens) {
    int[] text = tokenizer.encode(prompt);
    int[] ids = new int[text.length + 1];
    ids[0] = model.manifest().model().bos();
    System.arraycopy(text, 0, ids, 1, text.length);
    try (Session session = model.newSession(SESSION)) {
      session.feed(ids);
      Generation generation = session.generate(GenerationOptions.sampling(sampling).withMaxTokens(tokens));
      List<Integer> all = new ArrayList<>();
      generation.forEachRemaining((int id) -> all.add(id));
      return all.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  private static String aloneText(String prompt, int tokens) {
    return tokenizer.decode(alone(prompt, SamplingParameters.greedy(), tokens));
  }

  @Test
  void aCompletionIsWhatASessionWrites() throws Exception {
    JsonNode answer = completion("{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0, \"max_tokens\": 20, \"return_token_ids\": true}");
    JsonNode choice = answer.get("choices").get(0);
    int[] expected = alone(PROMPT, SamplingParameters.greedy(), 20);
    assertEquals(tokenizer.decode(expected).strip(), choice.get("text").textValue().strip());
    assertEquals(JSON.valueToTree(expected), choice.get("token_ids"));
    assertEquals("length", choice.get("finish_reason").textValue());
    assertEquals("text_completion", answer.get("object").textValue());
    assertEquals("tale", answer.get("model").textValue());
    assertEquals(20, answer.get("usage").get("completion_tokens").intValue());
    assertEquals(5, answer.get("usage").get("prompt_tokens").intValue());
    assertEquals(25, answer.get("usage").get("total_tokens").intValue());
  }

  @Test
  void sampledTokensFollowTheSeed() throws Exception {
    int[] expected = alone(PROMPT, new SamplingParameters(0.8, 30, 0.9, 0.01, 1.1, 7), 30);
    JsonNode answer = completion("{\"prompt\": [0,430,443,259,402], \"temperature\": 0.8, \"top_k\": 30, \"top_p\": 0.9,"
        + "\"min_p\": 0.01, \"repeat_penalty\": 1.1, \"seed\": 7, \"max_tokens\": 30, \"return_token_ids\": true}");
    assertEquals(JSON.valueToTree(expected), answer.get("choices").get(0).get("token_ids"));
  }

  @Test
  void aStreamHasTheSameTextInPieces() throws Exception {
    String body = "{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0, \"max_tokens\": 20, \"stream\": %b,"
        + "\"stream_options\": {\"include_usage\": true}}";
    String whole = completion(body.formatted(false)).get("choices").get(0).get("text").textValue();
    HttpResponse<String> response = send(post("/v1/completions", body.formatted(true)));
    assertEquals("text/event-stream", response.headers().firstValue("Content-Type").orElseThrow());
    List<JsonNode> events = events(response.body());
    StringBuilder text = new StringBuilder();
    for (JsonNode event : events.subList(0, events.size() - 1)) {
      text.append(event.get("choices").get(0).get("text").textValue());
    }
    assertTrue(events.size() > 5, "pieces: " + events.size());
    assertEquals(whole, text.toString());
    assertEquals("length", events.get(events.size() - 2).get("choices").get(0).get("finish_reason").textValue());
    assertEquals(20, events.get(events.size() - 1).get("usage").get("completion_tokens").intValue());
  }

  private static List<JsonNode> events(String body) throws Exception {
    List<JsonNode> events = new ArrayList<>();
    List<String> data = body.lines().filter(line -> line.startsWith("data: ")).map(line -> line.substring(6)).toList();
    assertEquals("[DONE]", data.get(data.size() - 1));
    for (String each : data.subList(0, data.size() - 1)) {
      events.add(JSON.readTree(each));
    }
    return events;
  }

  @Test
  void aConversationIsAnsweredInItsOwnShape() throws Exception {
    String body = "{\"messages\": [{\"role\": \"user\", \"content\": \"Once upon\"}, {\"role\": \"user\", \"content\":"
        + "[{\"type\": \"text\", \"text\": \"a time\"}]}], \"temperature\": 0, \"max_tokens\": 10, \"stream\": %b}";
    HttpResponse<String> whole = send(post("/v1/chat/completions", body.formatted(false)));
    JsonNode message = JSON.readTree(whole.body()).get("choices").get(0).get("message");
    assertEquals("assistant", message.get("role").textValue());
    // The tokenizer has none of the formats' tokens: a message is a line.
    assertEquals(aloneText("Once upon\na time\n", 10).strip(), message.get("content").textValue().strip());
    List<JsonNode> events = events(send(post("/v1/chat/completions", body.formatted(true))).body());
    assertEquals("assistant", events.get(0).get("choices").get(0).get("delta").get("role").textValue());
    StringBuilder text = new StringBuilder();
    events.forEach(event -> text.append(event.get("choices").get(0).get("delta").path("content").asText()));
    assertEquals(message.get("content").textValue(), text.toString());
    assertEquals("chat.completion.chunk", events.get(1).get("object").textValue());
  }

  @Test
  void aStopTextEndsTheAnswerAndIsNotInIt() throws Exception {
    String text = completion("{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0, \"max_tokens\": 40}").get("choices").get(0)
        .get("text").textValue();
    String stop = text.substring(20, 25);
    for (boolean stream : new boolean[] {false, true}) {
      HttpResponse<String> response = send(post("/v1/completions", "{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0,"
          + "\"max_tokens\": 40, \"stop\": [\"nowhere to be found\", " + JSON.writeValueAsString(stop) + "], \"stream\": " + stream + "}"));
      List<JsonNode> answers = stream ? events(response.body()) : List.of(JSON.readTree(response.body()));
      StringBuilder got = new StringBuilder();
      answers.forEach(answer -> got.append(answer.get("choices").get(0).get("text").textValue()));
      assertEquals(text.substring(0, text.indexOf(stop)), got.toString());
      assertEquals("stop", answers.get(answers.size() - 1).get("choices").get(0).get("finish_reason").textValue());
    }
  }

  @Test
  void manyClientsGetWhatEachWouldGetAlone() throws Exception {
    waitUntilIdle();
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 6; i++) {   // as many as may wait
      answers.add(CLIENT.sendAsync(post("/v1/completions", "{\"prompt\": \"The dog number " + i
          + " was\", \"temperature\": 0, \"max_tokens\": " + (10 + i) + "}"), HttpResponse.BodyHandlers.ofString()));
    }
    for (int i = 0; i < 6; i++) {
      HttpResponse<String> answer = answers.get(i).get();
      assertEquals(200, answer.statusCode(), answer.body());
      assertEquals(aloneText("The dog number " + i + " was", 10 + i).strip(),
          JSON.readTree(answer.body()).get("choices").get(0).get("text").textValue().strip());
    }
  }

  @Test
  void whatIsWrongWithARequestIsSaidInOneLine() throws Exception {
    refused("{", "the body is not JSON: ");
    refused("[]", "the body must be a JSON object");
    refused("", "the body must be a JSON object");
    refused("[".repeat(5000), "the body is not JSON: ");
    refused("{\"prompt\": \"a\"} {}", "the body is not JSON: ");
    refused("\u0000\u0000\u0000{\u0000\u0011\u0000\u0000", "the body is not JSON: ");   // UTF-32 with a number that is no character
    refused("{\"prompt\": \"a\", \"seed\": 1.5}", "seed: must be a whole number");
    refused("{\"prompt\": \"a\", \"stream_options\": true}", "stream_options: must be an object");
    refused("{\"prompt\": \"a\", \"stream_options\": {\"include_usage\": 1}}", "include_usage: must be true or false");
    refused("{}", "prompt: expected a text or a list of token ids");
    refused("{\"prompt\": \"a\", \"max_tokens\": 0}", "max_tokens: must be a whole number from 1");
    refused("{\"prompt\": []}", "the prompt is empty: there is no token to start from");
    refused("{\"prompt\": [1, 99999999]}", "prompt: expected a text or a list of token ids, 0 to ");
    refused("{\"prompt\": \"a\", \"temperature\": -1}", "temperature: must be a number from 0.0 to 100.0");
    refused("{\"prompt\": \"a\", \"temperature\": \"hot\"}", "temperature: must be a number from 0.0 to 100.0");
    refused("{\"prompt\": \"a\", \"n\": 2}", "n: must be 1");
    refused("{\"prompt\": \"a\", \"logprobs\": 3}", "logprobs: is not supported");
    refused("{\"prompt\": \"a\", \"stop\": [\"\"]}", "stop: a text must have 1 to 1024 characters");
    refused("{\"prompt\": \"a\", \"stop\": [\"\\ud800\"]}", "a stop text must be valid Unicode");
    refused("{\"prompt\": \"a\", \"stream\": \"yes\"}", "stream: must be true or false");
  }

  private static void refused(String body, String message) throws Exception {
    HttpResponse<String> response = send(post("/v1/completions", body));
    assertEquals(400, response.statusCode(), response.body());
    JsonNode error = JSON.readTree(response.body()).get("error");
    assertTrue(error.get("message").textValue().startsWith(message), error.toString());
    assertEquals(1, error.get("message").textValue().lines().count());
    assertEquals("invalid_request_error", error.get("type").textValue());
  }

  @Test
  void badConversationsAndLongPromptsAreRefused() throws Exception {
    for (String messages : List.of("3", "[]", "[{}]", "[{\"role\": \"king\", \"content\": \"x\"}]", "[{\"role\": \"user\", \"content\": 3}]",
        "[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]")) {
      assertEquals(400, send(post("/v1/chat/completions", "{\"messages\": " + messages + "}")).statusCode(), messages);
    }
    HttpResponse<String> response = send(post("/v1/completions", "{\"prompt\": " + java.util.Collections.nCopies(CONTEXT + 1, 5) + "}"));
    assertEquals(400, response.statusCode());
    assertTrue(response.body().contains("301 tokens do not fit in the context's 300 positions"), response.body());
    HttpResponse<String> text = send(post("/v1/completions", "{\"prompt\": \"" + " ".repeat(4_000_000) + "\"}"));   // minutes, if it were encoded
    assertEquals(400, text.statusCode());
    assertTrue(text.body().contains("4000000 characters"), text.body());
  }

  @Test
  void otherPathsAndMethodsAreRefused() throws Exception {
    assertEquals(404, send(post("/v1/completion", "{}")).statusCode());
    assertEquals(404, send(HttpRequest.newBuilder(uri("/v1/completions/..%2f..")).build()).statusCode());
    HttpResponse<String> get = send(HttpRequest.newBuilder(uri("/v1/completions")).build());
    assertEquals(405, get.statusCode());
    assertEquals("POST", get.headers().firstValue("Allow").orElseThrow());
    HttpResponse<String> models = send(HttpRequest.newBuilder(uri("/v1/models")).build());
    assertEquals("tale", JSON.readTree(models.body()).get("data").get(0).get("id").textValue());
  }

  @Test
  void aBodyThatIsTooLargeIsRefused() throws Exception {
    byte[] body = new byte[CompletionServer.MOST_BODY_BYTES + 100_000];
    java.util.Arrays.fill(body, (byte) ' ');
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket.getOutputStream().write(("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " + body.length + "\r\n\r\n")
          .getBytes(StandardCharsets.US_ASCII));
      socket.getOutputStream().write(body, 0, CompletionServer.MOST_BODY_BYTES + 1);   // what is left may find the connection closed
      assertTrue(new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII).equals("HTTP/1.1 413"));
    }
  }

  /** While another request holds the scheduler up, so that what was cancelled hasn't begun when it goes on. */
  @Test
  void aClientThatGoesAwayCancelsItsRequest() throws Exception {
    waitUntilIdle();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    scheduler.submit(new int[] {5}, GenerationOptions.greedy().withMaxTokens(1), (request, id) -> {
      begun.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    begun.await();
    for (boolean stream : new boolean[] {true, false}) {
      JsonNode body = JSON.readTree("{\"prompt\": [7, 8, 9], \"max_tokens\": 50, \"stream\": " + stream + "}");
      CompletionCall call = CompletionCall.of(body, false, model.manifest().model(), Optional.of(tokenizer));
      TokenFeed feed = new TokenFeed(scheduler, call, Optional.of(tokenizer));
      Answer answer = new Answer("tale", call);
      HttpExchange gone = new GoneClient();
      assertThrows(IOException.class, () -> {
        if (stream) {
          new StreamedReply(gone, answer, call).send(feed);
        } else {
          new WholeReply(gone, answer, call).send(feed);
        }
      });
    }
    long before = scheduler.counters().prefilledRows();
    goOn.countDown();
    waitUntilIdle();
    long rows = scheduler.counters().prefilledRows() - before;
    assertTrue(rows == 0 || rows == 1, "only the request that held it up was read, not " + rows + " rows");
  }

  @Test
  void connectionsThatBreakOffLeaveTheServerSound() throws Exception {
    String body = "{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0, \"max_tokens\": 290, \"ignore_eos\": true, \"stream\": true}";
    for (int i = 0; i < 10; i++) {
      HttpResponse<InputStream> response = CLIENT.send(post("/v1/completions", body), HttpResponse.BodyHandlers.ofInputStream());
      assertEquals(200, response.statusCode());
      try (InputStream in = response.body()) {
        assertTrue(in.read() > 0);
      }
    }
    waitUntilIdle();
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {   // gone before it has asked
      socket.getOutputStream().write("POST /v1/completions HTTP/1.1\r\nContent-Le".getBytes(StandardCharsets.US_ASCII));
    }
    assertEquals(200, send(post("/v1/completions", "{\"prompt\": \"a\", \"max_tokens\": 1}")).statusCode());
  }

  @Test
  void requestsThatNeverArriveKeepNobodyOut() throws Exception {
    List<Socket> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 60; i++) {   // three times as many as are served at once
        slow.add(new Socket("127.0.0.1", server.address().getPort()));
        slow.get(i).getOutputStream().write("POST /v1/completions HTTP/1.1\r\nContent-Le".getBytes(StandardCharsets.US_ASCII));
      }
      assertEquals(200, send(HttpRequest.newBuilder(uri("/health")).build()).statusCode());
    } finally {
      for (Socket each : slow) {
        each.close();
      }
    }
  }

  private static void waitUntilIdle() throws Exception {
    JsonNode health;
    do {
      HttpResponse<String> response = send(HttpRequest.newBuilder(uri("/health")).build());
      health = JSON.readTree(response.body());
      assertEquals("ok", health.get("status").textValue());
    } while (health.get("running").intValue() + health.get("waiting").intValue() > 0);
  }

  @Test
  void moreThanMayWaitAreTurnedAway() throws Exception {
    String body = "{\"prompt\": \"" + PROMPT + "\", \"temperature\": 0, \"max_tokens\": 280, \"ignore_eos\": true}";
    waitUntilIdle();
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 18; i++) {   // four run, six wait
      answers.add(CLIENT.sendAsync(post("/v1/completions", body), HttpResponse.BodyHandlers.ofString()));
    }
    int served = 0;
    int refused = 0;
    for (CompletableFuture<HttpResponse<String>> each : answers) {
      HttpResponse<String> answer = each.get();
      if (answer.statusCode() == 200) {
        served++;
        assertEquals(280, JSON.readTree(answer.body()).get("usage").get("completion_tokens").intValue());
      } else {
        refused++;
        assertEquals(503, answer.statusCode(), answer.body());
        assertEquals("1", answer.headers().firstValue("Retry-After").orElseThrow());
      }
    }
    assertEquals(18, served + refused);
    assertTrue(served >= 6, served + " served");
  }
}
