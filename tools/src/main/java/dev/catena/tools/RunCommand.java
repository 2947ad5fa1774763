package dev.catena.tools;

import dev.catena.runtime.FinishReason;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.LogitsSink;
import dev.catena.runtime.Session;
import dev.catena.runtime.text.TextStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena run}: a prompt in, what the model goes on with out. */
@Command(name = "run", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Let a compiled model go on with a prompt.")
final class RunCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "FILE.catena", description = "The artifact.")
  private Path file;

  @ArgGroup(exclusive = true, multiplicity = "1")
  private Prompt prompt;

  private static final class Prompt {
    @Option(names = "--prompt", required = true, paramLabel = "TEXT", description = "Text to go on with.")
    private String text;

    @Option(names = "--ids", required = true, paramLabel = "1,2,3",
        description = "Token ids to go on with, exactly these; the model's end-of-text ids are then ignored.")
    private String ids;
  }

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "256",
      description = "Generate at most N tokens. Default: ${DEFAULT-VALUE}")
  private int maxTokens;

  @Mixin
  private SamplingOptions sampling;

  @Option(names = "--stop", paramLabel = "TEXT|ID", description = "End before this text, or at this token id (a number, or "
      + "a special token's name). May be repeated.")
  private List<String> stops = List.of();

  @Mixin
  private DeviceOptions devices;

  @Option(names = "--print-ids", description = "Print the generated ids, comma-separated, in place of the text.")
  private boolean printIds;

  @Option(names = "--logits-out", paramLabel = "FILE.npy",
      description = "Write the logits of every position that is fed: float32 [positions, vocabulary].")
  private Path logitsFile;

  @Override
  public Integer call() {
    if (maxTokens < 0) {
      throw new UserError("--max-tokens " + maxTokens + ": must be 0 or more");
    }
    sampling.parameters();
    devices.threads();
    boolean text = prompt.text != null || !printIds || StopConditions.needTokenizer(stops);
    try (OpenModel model = OpenModel.open(file, text)) {
      int[] ids = prompt.text == null ? TokenIds.parse(prompt.ids, model.facts().vocab())
          : TokenIds.encodePrompt(prompt.text, model.requireTokenizer(), model.facts(), true);
      TokenIds.requireFits(ids, model.facts().maxSeqLen());
      StopConditions stop = StopConditions.of(stops, model.facts().vocab(), model.tokenizer());
      if (logitsFile == null) {
        return generate(model, ids, stop, null);
      }
      try (NpyFile logits = NpyFile.create(logitsFile, model.facts().vocab())) {
        int status = generate(model, ids, stop, (position, row) -> logits.row(row));
        if (status == 0) {
          logits.commit();
        }
        return status;
      }
    }
  }

  private int generate(OpenModel model, int[] ids, StopConditions stop, LogitsSink logits) {
    int context = model.facts().maxSeqLen();
    // No more cache than this call can use.
    int positions = (int) Math.min(context, (long) ids.length + maxTokens);
    GenerationOptions options = new GenerationOptions(sampling.parameters(), null, maxTokens, stop.ids(), prompt.ids != null, logits);
    try (Session session = model.model().newSession(devices.session(model.model(), positions));
        Interrupt interrupt = Interrupt.cancels(session)) {
      Console.note("settings: " + described(model, ids, stop, context));
      TokenLoop.Outcome outcome = TokenLoop.run(session, ids, options, output(model, ids, stop));
      Console.note(outcome.described());
      return interrupt.happened() && outcome.reason() == FinishReason.CANCELLED ? Interrupt.STATUS : 0;
    }
  }

  private String described(OpenModel model, int[] ids, StopConditions stop, int context) {
    return "target = " + model.model().target(devices.devices()) + ", " + devices.described() + ", prompt tokens = "
        + ids.length + ", context = " + context + ", max-tokens = " + maxTokens + ", " + sampling.described()
        + (stops.isEmpty() ? "" : ", stop = " + stop.described())
        + (prompt.ids != null ? ", end-of-text ids are ignored" : "");
  }

  private TokenOutput output(OpenModel model, int[] ids, StopConditions stop) {
    if (!printIds && model.tokenizer().isPresent()) {
      return TokenOutput.text(new TextStream(model.tokenizer().get(), stop.texts(), ids), System.out);
    }
    if (!printIds) {
      Console.note("the artifact has no tokenizer: ids are printed in place of the text");
    }
    return stop.texts().isEmpty() ? TokenOutput.ids(System.out)
        : TokenOutput.idsUntilStop(new TextStream(model.tokenizer().get(), stop.texts(), ids), System.out);
  }
}
