package dev.catena.tools;

import dev.catena.runtime.FinishReason;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.text.TextStream;
import dev.catena.runtime.text.UnencodableTextException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code catena chat}: one sequence that a person and the model write in turns. Lines go to the model as they were typed;
 * no chat template is applied.
 */
@Command(name = "chat", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Write a text with a compiled model in turns: you type a line, it goes on. Lines are given to the model as "
        + "typed, without a chat template. /reset starts afresh, /exit ends; Ctrl-C ends an answer.")
final class ChatCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "FILE.catena", description = "The artifact.")
  private Path file;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "256",
      description = "At most N tokens an answer. Default: ${DEFAULT-VALUE}")
  private int maxTokens;

  @Mixin
  private SamplingOptions sampling;

  @Option(names = "--stop", paramLabel = "TEXT|ID", description = "End an answer before this text, or at this token id.")
  private List<String> stops = List.of();

  @Mixin
  private DeviceOptions devices;

  /** All of the sequence, also what the session hasn't been fed yet: a generation's last token is not. */
  private int[] sequence = new int[0];

  @Override
  public Integer call() throws IOException {
    if (maxTokens < 1) {
      throw new UserError("--max-tokens " + maxTokens + ": must be at least 1");
    }
    sampling.parameters();
    try (OpenModel model = OpenModel.open(file, true);
        Session session = newSession(model)) {
      StopConditions stop = StopConditions.of(stops, model.facts().vocab(), model.tokenizer());
      GenerationOptions options = new GenerationOptions(sampling.parameters(), null, maxTokens, stop.ids(), false, null);
      Console.note("settings: target = " + model.model().target(devices.devices()) + ", " + devices.described() + ", context = "
          + model.facts().maxSeqLen() + ", " + sampling.described());
      Console.note("/reset starts afresh, /exit ends");
      BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = ask(lines); line != null && !line.strip().equals("/exit"); line = ask(lines)) {
        if (line.strip().equals("/reset")) {
          session.truncate(0);
          sequence = new int[0];
        } else if (!line.isEmpty()) {
          answer(line, model, session, options, stop);
        }
      }
    }
    return 0;
  }

  private Session newSession(OpenModel model) {
    model.requireTokenizer();
    return model.model().newSession(devices.session(model.model(), model.facts().maxSeqLen()));
  }

  private static String ask(BufferedReader lines) throws IOException {
    System.err.print("> ");
    return lines.readLine();
  }

  private void answer(String line, OpenModel model, Session session, GenerationOptions options, StopConditions stop) {
    int[] added;
    try {
      added = fittingTokens(line, model, session.maxSequenceLength());
    } catch (UserError | UnencodableTextException e) {
      Console.note(e.getMessage());
      return;
    }
    append(added);
    TextStream text = new TextStream(model.requireTokenizer(), stop.texts(), sequence);
    try (Interrupt interrupt = Interrupt.cancels(session)) {
      TokenLoop.Outcome outcome;
      do {
        outcome = TokenLoop.run(session, Arrays.copyOfRange(sequence, session.position(), sequence.length), options,
            TokenOutput.text(text, System.out));
        // A Ctrl-C that came too late for the last answer must not end this one.
      } while (outcome.reason() == FinishReason.CANCELLED && !interrupt.happened() && outcome.tokens().length == 0);
      append(outcome.tokens());
      if (outcome.endToken() >= 0) {
        append(outcome.endToken());
      }
      if (outcome.reason() == FinishReason.CONTEXT_FULL) {
        Console.note("the context of " + session.maxSequenceLength() + " positions is full (/reset starts afresh)");
      }
    }
  }

  /** @throws UserError where the line doesn't fit behind the sequence, or gives the model nothing to start from */
  private int[] fittingTokens(String line, OpenModel model, int context) {
    int left = context - sequence.length;
    if (left <= 0) {
      throw new UserError("the context's " + context + " tokens are taken (/reset starts afresh)");
    }
    String ofContext = " left of the context's " + context;
    if (model.requireTokenizer().isSurelyLongerThan(left, line)) {   // to count them would take minutes
      throw new UserError("the line has " + line.length() + " characters, more than the " + left + " tokens" + ofContext
          + " can hold (/reset starts afresh)");
    }
    int[] ids = TokenIds.encode(line, model.requireTokenizer(), model.facts(), sequence.length == 0);
    if (ids.length > left) {
      throw new UserError("the line has " + ids.length + " tokens, more than the " + left + ofContext + " (/reset starts afresh)");
    }
    if (ids.length == 0 && sequence.length == 0) {
      throw new UserError("the line has no token to start from");
    }
    return ids;
  }

  private void append(int... ids) {
    sequence = IntStream.concat(Arrays.stream(sequence), Arrays.stream(ids)).toArray();
  }
}
