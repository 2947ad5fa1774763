import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.runtime.cpu.ReadBandwidth;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Catena behind the line protocol of compare.py: {@code CatenaSide FILE.catena}, then commands on standard input. */
final class CatenaSide {
  private static final int CONTEXT = 2048;

  private final CatenaModel model;
  private Session session;
  private int threads = 2;

  private CatenaSide(Path artifact) {
    model = CatenaModel.open(artifact);
    reopen();
  }

  public static void main(String[] arguments) throws IOException {
    double jvm = (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) / 1e3;
    long start = System.nanoTime();
    CatenaSide side = new CatenaSide(Path.of(arguments[0]));
    side.session.feed(1);
    side.decode(0);
    say(seconds(start) + " " + jvm, "open ");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = commands.readLine()) != null;) {
      String[] words = line.split(" ");
      int count = Integer.parseInt(words[1]);
      long begin = System.nanoTime();
      switch (words[0]) {
        case "threads" -> {
          side.threads = count;
          side.reopen();
        }
        case "prefill" -> side.prefill(count);
        case "decode" -> side.decode(count);
        case "resident" -> {
          say(residentKib(), "");
          continue;
        }
        case "bytes" -> {
          Manifest.Memory memory = side.model.manifest().memory();
          say(memory.bytesPerToken() + memory.kvBytesPerToken() * (long) count, "");
          continue;
        }
        case "bandwidth" -> {
          Manifest.Memory memory = side.model.manifest().memory();
          say(ReadBandwidth.measure(side.threads, memory.bytesPerToken(), count), "");
          continue;
        }
        default -> throw new IllegalArgumentException(line);
      }
      say(seconds(begin), "");
    }
  }

  private void reopen() {
    if (session != null) {
      session.close();
    }
    session = model.newSession(SessionOptions.defaults().withThreads(threads)
        .withMaxSequenceLength(Math.min(CONTEXT, model.manifest().model().maxSeqLen())));
  }

  private void prefill(int count) {
    session.truncate(0);
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = (int) (i * 7919L % model.manifest().model().vocab());
    }
    session.feed(ids);
  }

  /** As many steps as {@code count}: the first token comes from the logits that are there, so one more is asked for. */
  private void decode(int count) {
    Generation generation = session.generate(GenerationOptions.greedy().withIgnoreEos(true).withMaxTokens(count + 1));
    while (generation.hasNext()) {
      generation.nextInt();
    }
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }

  private static long residentKib() throws IOException {
    return 4 * Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]);
  }

  private static void say(Object value, String prefix) {
    System.out.println(prefix + value);
    System.out.flush();
  }
}
