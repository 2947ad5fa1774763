package dev.catena.tools.page;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Headless Chromium with one tab, by the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/) over the
 * JDK's own WebSocket. Clicks and keys are the browser's input events, so what can't be reached by hand can't be reached
 * here; the console's complaints and every request are kept.
 */
final class Browser implements AutoCloseable {
  private static final int SECONDS = 60;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Process process;
  private final Path profile;
  private final WebSocket socket;
  private final AtomicInteger ids = new AtomicInteger();
  private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();
  private final List<String> complaints = new CopyOnWriteArrayList<>();
  private final List<String> requests = new CopyOnWriteArrayList<>();

  /** The browser on this machine, if there is one. */
  static Optional<Path> program() {
    return Stream.of(System.getenv("PATH").split(":")).flatMap(folder -> Stream.of("chromium", "chromium-browser", "google-chrome")
        .map(name -> Path.of(folder, name))).filter(Files::isExecutable).findFirst();
  }

  Browser(Path program, int width, int height, String... more) throws IOException, InterruptedException {
    profile = Files.createTempDirectory("catena-browser");
    List<String> command = new ArrayList<>(List.of(program.toString(), "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*", "--window-size=" + width + "," + height,
        "--user-data-dir=" + profile));
    command.addAll(List.of(more));
    command.add("about:blank");
    process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(profile.resolve("log").toFile()).start();
    HttpClient client = HttpClient.newHttpClient();
    socket = client.newWebSocketBuilder().buildAsync(tab(client, port()), new Listener()).join();
    for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
      call(domain + ".enable");
    }
  }

  private int port() throws IOException, InterruptedException {
    Path file = profile.resolve("DevToolsActivePort");
    for (int i = 0; i < SECONDS * 20; i++) {
      if (Files.exists(file) && Files.size(file) > 0) {
        return Integer.parseInt(Files.readAllLines(file).get(0));
      }
      if (!process.isAlive()) {
        break;
      }
      Thread.sleep(50);
    }
    throw new IOException("Chromium did not start:\n" + Files.readString(profile.resolve("log")));
  }

  private static URI tab(HttpClient client, int port) throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list")).build();
    for (JsonNode target : JSON.readTree(client.send(request, HttpResponse.BodyHandlers.ofString()).body())) {
      if (target.get("type").textValue().equals("page")) {
        return URI.create(target.get("webSocketDebuggerUrl").textValue());
      }
    }
    throw new IOException("Chromium has no tab");
  }

  private final class Listener implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        try {
          message(JSON.readTree(text.toString()));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        } finally {
          text.setLength(0);
        }
      }
      from.request(1);
      return null;
    }
  }

  private void message(JsonNode message) {
    if (message.has("id")) {
      answers.remove(message.get("id").intValue()).complete(message);
      return;
    }
    JsonNode of = message.get("params");
    switch (message.get("method").textValue()) {
      case "Runtime.exceptionThrown" -> complaints.add(of.toString());
      case "Runtime.consoleAPICalled" -> complaints.add(of.get("args").toString());
      case "Log.entryAdded" -> complaints.add(of.get("entry").get("text").textValue());
      case "Network.requestWillBeSent" -> requests.add(of.get("request").get("url").textValue());
      default -> { }
    }
  }

  private JsonNode call(String method, Object... namesAndValues) {
    int id = ids.incrementAndGet();
    ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
    ObjectNode parameters = message.putObject("params");
    for (int i = 0; i < namesAndValues.length; i += 2) {
      parameters.set((String) namesAndValues[i], JSON.valueToTree(namesAndValues[i + 1]));
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    answers.put(id, answer);
    socket.sendText(message.toString(), true).join();
    try {
      JsonNode given = answer.get(SECONDS, TimeUnit.SECONDS);
      if (given.has("error")) {
        throw new IllegalStateException(method + ": " + given.get("error"));
      }
      return given.get("result");
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new IllegalStateException(method + " got no answer", e);
    }
  }

  /** Opens a file and waits until it is loaded. */
  void open(Path page) throws InterruptedException {
    call("Page.navigate", "url", page.toUri().toString());
    for (int i = 0; !evaluate("document.readyState + location.protocol").textValue().equals("completefile:"); i++) {
      if (i > SECONDS * 20) {
        throw new IllegalStateException("the page isn't loaded");
      }
      Thread.sleep(50);
    }
  }

  /** The value of a JavaScript expression. */
  JsonNode evaluate(String expression) {
    JsonNode result = call("Runtime.evaluate", "expression", expression, "returnByValue", true,
        "awaitPromise", true);
    if (result.has("exceptionDetails")) {
      throw new IllegalStateException(expression + ": " + result.get("exceptionDetails"));
    }
    JsonNode value = result.get("result").get("value");
    return value == null ? JSON.nullNode() : value;
  }

  /** The text of the first element that a selector finds. */
  String text(String selector) {
    return evaluate("document.querySelector(" + quoted(selector) + ").textContent").textValue();
  }

  int count(String selector) {
    return evaluate("document.querySelectorAll(" + quoted(selector) + ").length").intValue();
  }

  /** Scrolls an element into view and clicks on its middle, whatever lies there. */
  void click(String selector) {
    JsonNode at = middle(selector);
    mouse("mouseMoved", at, 0);
    mouse("mousePressed", at, 1);
    mouse("mouseReleased", at, 1);
  }

  /** Moves the pointer over an element. */
  void point(String selector) {
    mouse("mouseMoved", middle(selector), 0);
  }

  /** Where an element is once it was scrolled into view and the page came to rest. */
  private JsonNode middle(String selector) {
    return evaluate("""
        (async () => {
          const frames = async n => { while (n-- > 0) await new Promise(requestAnimationFrame); };
          await frames(2);
          const e = document.querySelector(SELECTOR);
          if (!e) throw new Error('there is no ' + SELECTOR);
          e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
          await frames(2);
          const r = e.getBoundingClientRect();
          return [r.x + r.width / 2, r.y + r.height / 2];
        })()""".replace("SELECTOR", quoted(selector)));
  }

  private void mouse(String type, JsonNode at, int clicks) {
    call("Input.dispatchMouseEvent", "type", type, "x", at.get(0).doubleValue(), "y", at.get(1).doubleValue(), "button",
        clicks > 0 ? "left" : "none", "clickCount", clicks);
  }

  /** Presses a key by its name, such as {@code ArrowDown}. */
  void key(String name) {
    call("Input.dispatchKeyEvent", "type", "keyDown", "key", name, "code", name);
    call("Input.dispatchKeyEvent", "type", "keyUp", "key", name, "code", name);
  }

  private static String quoted(String text) {
    return JSON.valueToTree(text).toString();
  }

  void screenshot(Path file) throws IOException {
    Files.write(file, Base64.getDecoder().decode(call("Page.captureScreenshot").get("data").textValue()));
  }

  /** What the console said: errors, warnings, uncaught exceptions. */
  List<String> complaints() {
    return complaints;
  }

  /** The addresses of everything that was asked for, the page itself included. */
  List<String> requests() {
    return requests;
  }

  @Override
  public void close() throws IOException {
    try {
      call("Browser.close");
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      process.destroyForcibly();
      deleteProfile();
    }
  }

  private void deleteProfile() throws IOException {
    try (Stream<Path> files = Files.walk(profile)) {
      files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
    }
  }
}
