package dev.catena.tools;

import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.SessionOptions;
import dev.catena.tools.serve.CompletionServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sun.misc.Signal;

/** {@code catena serve}: a compiled model behind an HTTP API, for many clients at once. */
@Command(name = "serve", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Serve a compiled model over HTTP, with an API after OpenAI's: /v1/completions, /v1/chat/completions, /v1/models; "
        + "/health tells how it is doing. Ctrl-C ends it.")
final class ServeCommand implements Callable<Integer> {
  private static final int MOST_CLIENTS = 4096;

  @Parameters(index = "0", paramLabel = "FILE.catena", description = "The artifact.")
  private Path file;

  @Option(names = "--port", defaultValue = "8080", paramLabel = "N", description = "0 takes a free one. Default: ${DEFAULT-VALUE}")
  private int port;

  @Option(names = "--host", defaultValue = "127.0.0.1", paramLabel = "ADDRESS",
      description = "Where to listen; 0.0.0.0 lets other machines in, without any password. Default: ${DEFAULT-VALUE}")
  private String host;

  @Option(names = "--max-sequences", defaultValue = "16", paramLabel = "N",
      description = "Requests that share a step. Default: ${DEFAULT-VALUE}")
  private int maxSequences;

  @Option(names = "--max-waiting", defaultValue = "64", paramLabel = "N",
      description = "Requests that wait for room; more are turned away. Default: ${DEFAULT-VALUE}")
  private int maxWaiting;

  @Option(names = "--kv-capacity", defaultValue = "0", paramLabel = "TOKENS",
      description = "Tokens of all requests together that the KV cache holds. Default: four full contexts")
  private int kvCapacity;

  @Option(names = "--prefill-rows", defaultValue = "64", paramLabel = "N",
      description = "Tokens of prompts read in a step in which others generate. Default: ${DEFAULT-VALUE}")
  private int prefillRows;

  @Mixin
  private DeviceOptions devices;

  @Override
  public Integer call() throws IOException, InterruptedException {
    requireRange("--port", port, 0, 65535);
    requireRange("--max-sequences", maxSequences, 1, MOST_CLIENTS);
    requireRange("--max-waiting", maxWaiting, 0, MOST_CLIENTS);
    requireRange("--kv-capacity", kvCapacity, 0, Integer.MAX_VALUE);
    requireRange("--prefill-rows", prefillRows, 1, Integer.MAX_VALUE);
    InetSocketAddress address = new InetSocketAddress(host, port);
    if (address.isUnresolved()) {
      throw new UserError("--host " + host + ": there is no such address");
    }
    try (OpenModel model = OpenModel.open(file, true)) {
      SessionOptions session = devices.session(model.model(), model.facts().maxSeqLen()).withKvCapacity(kvCapacity);
      SchedulerOptions options = SchedulerOptions.defaults().withSession(session).withMaxSequences(maxSequences)
          .withPrefillRows(prefillRows).withMaxWaiting(maxWaiting);
      CountDownLatch ended = new CountDownLatch(1);
      try (Scheduler scheduler = model.model().newScheduler(options)) {
        // Closed before the scheduler, which ends what is still going on.
        try (CompletionServer server = listen(model, scheduler, address)) {
          Signal.handle(new Signal("INT"), signal -> ended.countDown());
          Signal.handle(new Signal("TERM"), signal -> ended.countDown());
          Console.note("settings: target = " + model.model().target(devices.devices()) + ", " + devices.described()
              + ", max-sequences = " + maxSequences + ", context = " + model.facts().maxSeqLen()
              + (model.tokenizer().isPresent() ? "" : "; the artifact has no tokenizer: prompts are lists of ids"));
          Console.note("listening on http://" + host + ":" + server.address().getPort());
          ended.await();
        }
      }
    }
    return 0;
  }

  private CompletionServer listen(OpenModel model, Scheduler scheduler, InetSocketAddress address) throws IOException {
    try {
      return new CompletionServer(name(), address, model.facts(), model.tokenizer(), scheduler, maxSequences + maxWaiting + 4);
    } catch (java.net.BindException e) {
      throw new UserError("--port " + port + ": " + host + " can't be listened on there: " + e.getMessage());
    }
  }

  private String name() {
    String name = file.getFileName().toString();
    return name.endsWith(".catena") ? name.substring(0, name.length() - ".catena".length()) : name;
  }

  private static void requireRange(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new UserError(option + " " + value + ": must be " + (most == Integer.MAX_VALUE ? "at least " + least
          : "from " + least + " to " + most));
    }
  }
}
