package dev.catena.tools.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.QueueFullException;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerCounters;
import dev.catena.runtime.text.TextTokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * HTTP over a scheduler: {@code POST /v1/completions}, {@code POST /v1/chat/completions}, {@code GET /v1/models} and
 * {@code GET /health}. A client has {@value #REQUEST_SECONDS} s to send its request, of at most {@value #MOST_BODY_BYTES}
 * bytes, and {@value #RESPONSE_SECONDS} s to take its answer; a client that goes away cancels what it asked for.
 */
public final class CompletionServer implements AutoCloseable {
  static final int MOST_BODY_BYTES = 8 << 20;
  private static final int REQUEST_SECONDS = 30;
  private static final int RESPONSE_SECONDS = 3600;
  private static final int BACKLOG = 256;
  private static final ObjectMapper JSON = new ObjectMapper();

  static {
    // Read once, by the first server of the process. https://docs.oracle.com/en/java/javase/17/docs/api/jdk.httpserver/module-summary.html
    System.setProperty("sun.net.httpserver.maxReqTime", Integer.toString(REQUEST_SECONDS));
    System.setProperty("sun.net.httpserver.maxRspTime", Integer.toString(RESPONSE_SECONDS));
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  private final String name;
  private final Manifest.Model model;
  private final Optional<TextTokenizer> tokenizer;
  private final Scheduler scheduler;
  private final HttpServer http;
  private final ExecutorService threads;
  private final long started = System.currentTimeMillis() / 1000;

  /**
   * Starts to serve.
   *
   * @param name      what the API calls the model
   * @param address   port 0 takes a free one
   * @param tokenizer without one, prompts are lists of ids
   * @param scheduler is the caller's to close, after this
   * @param clients   that are served at once; more wait for a thread
   * @throws IOException when the address can't be had
   */
  public CompletionServer(String name, InetSocketAddress address, Manifest.Model model, Optional<TextTokenizer> tokenizer,
      Scheduler scheduler, int clients) throws IOException {
    this.name = name;
    this.model = model;
    this.tokenizer = tokenizer;
    this.scheduler = scheduler;
    http = HttpServer.create(address, BACKLOG);
    AtomicInteger count = new AtomicInteger();
    threads = Executors.newFixedThreadPool(clients, task -> {
      Thread thread = new Thread(task, "catena-http-" + count.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    });
    http.setExecutor(threads);
    http.createContext("/", this::handle);
    http.start();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return http.getAddress();
  }

  @Override
  public void close() {
    http.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) {
    try (exchange) {
      try {
        route(exchange);
      } catch (Refusal e) {
        refuse(exchange, e.status(), e.getMessage());
      } catch (QueueFullException e) {
        exchange.getResponseHeaders().set("Retry-After", "1");
        refuse(exchange, 503, "the server is busy: " + e.getMessage());
      } catch (CatenaException | IllegalArgumentException e) {
        refuse(exchange, 400, e.getMessage());
      } catch (InterruptedException | IllegalStateException e) {
        refuse(exchange, 503, "the server is going down");
      }
    } catch (IOException e) {
      // The client is gone; what it asked for was cancelled.
    }
  }

  private void route(HttpExchange exchange) throws IOException, Refusal, InterruptedException {
    String path = exchange.getRequestURI().getPath();
    switch (path == null ? "" : path) {
      case "/v1/completions" -> complete(exchange, false);
      case "/v1/chat/completions" -> complete(exchange, true);
      case "/v1/models" -> {
        require(exchange, "GET");
        ObjectNode models = JSON.createObjectNode().put("object", "list");
        models.putArray("data").addObject().put("id", name).put("object", "model").put("created", started).put("owned_by", "catena");
        send(exchange, 200, models);
      }
      case "/health" -> {
        require(exchange, "GET");
        SchedulerCounters counters = scheduler.counters();
        send(exchange, 200, JSON.createObjectNode().put("status", "ok").put("running", counters.running())
            .put("waiting", counters.waiting()).put("steps", counters.steps()).put("prefilled_rows", counters.prefilledRows())
            .put("decoded_rows", counters.decodedRows()).put("shared_positions", counters.sharedPositions())
            .put("preemptions", counters.preemptions()).put("free_pages", counters.freePages())
            .put("kept_pages", counters.keptPages()));
      }
      default -> throw new Refusal(404, "there is no such path; try /v1/completions, /v1/chat/completions, /v1/models or /health");
    }
  }

  private static void require(HttpExchange exchange, String method) throws Refusal {
    if (!exchange.getRequestMethod().equals(method)) {
      exchange.getResponseHeaders().set("Allow", method);
      throw new Refusal(405, "use " + method);
    }
  }

  private void complete(HttpExchange exchange, boolean chat) throws IOException, Refusal, InterruptedException {
    require(exchange, "POST");
    CompletionCall call = CompletionCall.of(body(exchange), chat, model, tokenizer);
    TokenFeed feed = new TokenFeed(scheduler, call, tokenizer);
    Answer answer = new Answer(name, call);
    if (call.stream()) {
      new StreamedReply(exchange, answer, call).send(feed);
    } else {
      new WholeReply(exchange, answer, call).send(feed);
    }
  }

  private static JsonNode body(HttpExchange exchange) throws IOException, Refusal {
    // Not closed here: that would wait for the rest of a body that is too large.
    byte[] bytes = exchange.getRequestBody().readNBytes(MOST_BODY_BYTES + 1);
    if (bytes.length > MOST_BODY_BYTES) {
      exchange.getResponseHeaders().set("Connection", "close");
      throw new Refusal(413, "the body has more than " + MOST_BODY_BYTES + " bytes");
    }
    try {
      JsonNode body = JSON.readTree(bytes);
      return body == null ? JSON.missingNode() : body;
    } catch (JsonProcessingException e) {
      throw Refusal.badRequest("the body is not JSON: " + e.getOriginalMessage().lines().findFirst().orElse(""));
    }
  }

  /** Says what is wrong, if the answer hasn't begun. */
  private static void refuse(HttpExchange exchange, int status, String message) throws IOException {
    if (exchange.getResponseCode() < 0) {
      send(exchange, status, Answer.error(status, message));
    }
  }

  private static void send(HttpExchange exchange, int status, ObjectNode answer) throws IOException {
    byte[] bytes = answer.toString().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }
}
