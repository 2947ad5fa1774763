package dev.catena.tools;

import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.sampling.SamplingParameters;
import dev.catena.runtime.text.TextStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code catena demo}: the way from ONNX to a story in one command. */
@Command(name = "demo", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Compile models/tale at 4 bits for this CPU, and let it tell a story.")
final class DemoCommand implements Callable<Integer> {
  private static final String BEGINNING = "Once upon a time";
  private static final int MAX_TOKENS = 400;
  private static final double TEMPERATURE = 0.7;
  private static final double TOP_P = 0.9;

  @Option(names = "--seed", paramLabel = "S", description = "Seed of the story. Default: another story at each call")
  private Long seed;

  @Mixin
  private DeviceOptions devices;

  @Override
  public Integer call() throws IOException {
    long storySeed = seed != null ? seed : ThreadLocalRandom.current().nextInt(1, 100_000);
    Path folder = modelFolder();
    if (!Files.isDirectory(folder)) {
      throw new UserError(folder + ": the demo's model is not there; the demo runs from a checkout of Catena");
    }
    Path artifact = new DemoArtifact(folder).compiled();
    TokenLoop.Outcome story;
    try (OpenModel model = OpenModel.open(artifact, true)) {
      int[] prompt = TokenIds.encode(BEGINNING, model.requireTokenizer(), model.facts(), true);
      SamplingParameters sampling = new SamplingParameters(TEMPERATURE, 0, TOP_P, 0, 1, storySeed);
      GenerationOptions options = new GenerationOptions(sampling, null, MAX_TOKENS,
          Set.of(), false, null);
      try (Session session = model.model().newSession(devices.session(model.model(), prompt.length + MAX_TOKENS));
          Interrupt interrupt = Interrupt.cancels(session)) {
        System.out.print(BEGINNING);
        story = TokenLoop.run(session, prompt, options,
            TokenOutput.text(new TextStream(model.requireTokenizer(), List.of(), prompt), System.out));
        if (interrupt.happened()) {
          return Interrupt.STATUS;
        }
      }
    }
    Console.note(String.format(Locale.ROOT, "%n%d tokens, %.0f tokens/s with %s", story.tokens().length,
        Math.max(0, story.tokens().length - 1) / Math.max(story.decodeSeconds(), 1e-9), devices.described()));
    Console.note("next, try:\n  ./catena run " + artifact + " --prompt \"The little dog\" --temperature 0.7\n"
        + "  ./catena inspect " + artifact);
    return 0;
  }

  /** Where the demo's model lies in a checkout. */
  static Path modelFolder() {
    return Path.of(System.getProperty("catena.home", ".")).resolve("models/tale/split-fp16");
  }
}
