package dev.catena.tools.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.QueueFullException;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerCounters;
import dev.catena.runtime.SchedulerFailedException;
import dev.catena.runtime.text.TextTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * HTTP over a scheduler: {@code POST /v1/completions}, {@code POST /v1/chat/completions}, {@code GET /v1/models} and
 * {@code GET /health}. A client has {@value #REQUEST_SECONDS} s to send its request, of at most {@value #MOST_BODY_BYTES}
 * bytes, and {@value #RESPONSE_SECONDS} s to take its answer; a client that goes away cancels what it asked for.
 */
public final class CompletionServer implements AutoCloseable {
  static final int MOST_BODY_BYTES = 8 << 20;
  private static final int LONG_BODY_BYTES = 64 << 10;
  private static final int REQUEST_SECONDS = 30;
  private static final int RESPONSE_SECONDS = 3600;
  private static final int BACKLOG = 256;
  static final int SLOW_CLIENTS = 512;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ObjectReader DOCUMENT = JSON.reader(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

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
  /** Whose bodies may take memory at once. */
  private final Semaphore longBodies;
  private final Semaphore longTexts = new Semaphore(1);
  private final long started = System.currentTimeMillis() / 1000;

  /**
   * Starts to serve.
   *
   * @param name      what the API calls the model
   * @param address   port 0 takes a free one
   * @param tokenizer without one, prompts are lists of ids
   * @param scheduler is the caller's to close, after this
   * @param clients   that are served at once; more wait for a thread. Besides there are threads for {@value #SLOW_CLIENTS} whose requests
   *                  come slowly, so that they don't keep the others out
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
    longBodies = new Semaphore(clients);
    ThreadPoolExecutor pool = new ThreadPoolExecutor(clients + SLOW_CLIENTS, clients + SLOW_CLIENTS, REQUEST_SECONDS, TimeUnit.SECONDS,
        new LinkedBlockingQueue<>(), task -> {
          Thread thread = new Thread(task, "catena-http-" + count.incrementAndGet());
          thread.setDaemon(true);
          return thread;
        });
    pool.allowCoreThreadTimeOut(true);
    threads = pool;
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
      } catch (SchedulerFailedException e) {
        refuse(exchange, 503, e.getMessage());
      } catch (InterruptedException | IllegalStateException e) {
        refuse(exchange, 503, "the server is going down");
      } catch (RuntimeException | Error e) {   // else the client would see a broken connection, and nobody why
        System.err.println("catena: " + exchange.getRequestURI().getPath() + ": " + e);
        refuse(exchange, 500, "the server failed at this request: " + e.getClass().getSimpleName());
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
        scheduler.requireWorking();
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
    scheduler.requireWorking();   // before a long prompt is read for nothing
    CompletionCall call = call(exchange, chat);
    TokenFeed feed = new TokenFeed(scheduler, call, tokenizer);
    Answer answer = new Answer(name, call);
    if (call.stream()) {
      new StreamedReply(exchange, answer, call).send(feed);
    } else {
      new WholeReply(exchange, answer, call).send(feed);
    }
  }

  /** Of long requests one at a time becomes tokens: for megabytes that takes a processor minutes, which others want too. */
  private CompletionCall call(HttpExchange exchange, boolean chat) throws IOException, Refusal, InterruptedException {
    // Not closed here: that would wait for the rest of a body that is too large.
    InputStream in = exchange.getRequestBody();
    byte[] start = in.readNBytes(LONG_BODY_BYTES);
    if (start.length < LONG_BODY_BYTES) {
      return CompletionCall.of(json(start), chat, model, tokenizer);
    }
    acquire(longBodies, exchange);
    try {
      byte[] rest = in.readNBytes(MOST_BODY_BYTES + 1 - start.length);   // takes memory as it comes
      if (start.length + rest.length > MOST_BODY_BYTES) {
        exchange.getResponseHeaders().set("Connection", "close");
        throw new Refusal(413, "the body has more than " + MOST_BODY_BYTES + " bytes");
      }
      acquire(longTexts, exchange);
      try {
        return CompletionCall.of(json(joined(start, rest)), chat, model, tokenizer);
      } finally {
        longTexts.release();
      }
    } finally {
      longBodies.release();
    }
  }

  private static byte[] joined(byte[] start, byte[] rest) {
    byte[] whole = Arrays.copyOf(start, start.length + rest.length);
    System.arraycopy(rest, 0, whole, start.length, rest.length);
    return whole;
  }

  private static void acquire(Semaphore place, HttpExchange exchange) throws Refusal, InterruptedException {
    if (!place.tryAcquire(REQUEST_SECONDS, TimeUnit.SECONDS)) {
      exchange.getResponseHeaders().set("Retry-After", Integer.toString(REQUEST_SECONDS));
      throw new Refusal(503, "the server is busy with other long prompts");
    }
  }

  private static JsonNode json(byte[] bytes) throws Refusal {
    try {
      JsonNode body = DOCUMENT.readTree(bytes);
      return body == null ? JSON.missingNode() : body;
    } catch (IOException e) {   // also of bytes that are no text in any encoding
      String reason = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
      throw Refusal.badRequest("the body is not JSON: " + String.valueOf(reason).lines().findFirst().orElse(""));
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
    boolean bodiless = exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, bodiless ? -1 : bytes.length);
    if (bodiless) {
      return;   // the JDK's server would log a warning
    }
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }
}
