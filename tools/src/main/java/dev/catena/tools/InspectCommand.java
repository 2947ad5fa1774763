package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.ir.Stage;
import dev.catena.tools.page.DotText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena inspect}: what is in an artifact or a model, and what the compiler made of it. */
@Command(name = "inspect", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Show what is in an artifact, an ONNX file, a folder of pieces or a module in the text form.")
final class InspectCommand implements Callable<Integer> {
  private static final String LAST = "";

  @Parameters(index = "0", arity = "0..1", paramLabel = "FILE.catena|FILE.onnx|DIR|FILE.cir",
      description = "What to look into.")
  private Path input;

  @Option(names = "--ir", arity = "0..1", fallbackValue = LAST, paramLabel = "PASS",
      description = "Print the module after a pass; default: after the last.")
  private String pass;

  @Option(names = "--kernels", description = "Print the generated source for each target; of a GPU also what its kernels would take, predicted.")
  private boolean kernels;

  @Option(names = "--counters", description = "With --kernels: print what the simulator counts in them, too.")
  private boolean counters;

  @Option(names = "--context", paramLabel = "N", description = "With --kernels: predict decoding at N positions; default: 512, or all.")
  private Integer context;

  @Option(names = "--batch", split = ",", paramLabel = "N",
      description = "With --kernels: predict decoding of N sequences; default: 1, 16, the longest step of a prompt, and what else shows each kernel.")
  private List<Integer> batches = List.of();

  @Option(names = "--card", paramLabel = "FILE.json",
      description = "With --kernels: predict for the card that 'devices --measure cuda:0 --json' measured.")
  private Path card;

  @Option(names = "--experimental", description = "With --kernels: from sm_90 on, put beside each prediction what the same kernels would take compiled "
      + "with --experimental, or without it where this artifact was; they are generated anew.")
  private boolean experimental;

  @Option(names = "--memory", description = "Print the memory plan.")
  private boolean memory;

  @Option(names = "--verify", description = "Read everything, weights too, and compare it with its checksums.")
  private boolean verify;

  @Option(names = "--dot", arity = "0..1", fallbackValue = LAST, paramLabel = "STAGE",
      description = "Print a stage's graph for Graphviz, after the pass of --ir; default: the first decoder.")
  private String dot;

  @Option(names = "--html", paramLabel = "FILE",
      description = "Write all of it as a page for a browser: one file that loads nothing.")
  private Path html;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    takeFileGivenAsOperand();
    if (input == null) {
      throw new UserError("inspect what? Name an artifact, an ONNX file, a folder of pieces or a .cir file");
    }
    if (!Files.exists(input)) {
      throw new UserError(input + ": there is no such file or folder");
    }
    if (dot != null && json) {
      throw new UserError("--dot and --json: each is the whole output; choose one");
    }
    if (!kernels && (counters || experimental || context != null || card != null || !batches.isEmpty())) {
      throw new UserError("--counters, --experimental, --context, --batch and --card say what --kernels prints; give that, too");
    }
    OutputFile page = html == null ? null : new OutputFile(html, "--html");
    if (page != null && Files.exists(html) && Files.isSameFile(html, input)) {
      throw new UserError("--html " + html + ": is the input; name another file");
    }
    try (Inspection inspection = open()) {
      System.out.print(json ? Json.text(inspection.json(pass, kernels ? prediction() : null)) : text(inspection));
      if (page != null) {
        Console.note("page: " + html + ", " + Bytes.text(page.write(inspection.page().html())));
      }
    }
    return 0;
  }

  private PredictionOptions prediction() {
    return new PredictionOptions(context == null ? 0 : context, batches, card, counters, experimental);
  }

  /** {@code inspect --ir FILE}: the command line can't know that FILE isn't the optional PASS. */
  private void takeFileGivenAsOperand() {
    if (input == null && pass != null && !pass.equals(LAST)) {
      input = Path.of(pass);
      pass = LAST;
    } else if (input == null && dot != null && !dot.equals(LAST)) {
      input = Path.of(dot);
      dot = LAST;
    }
  }

  private Inspection open() throws IOException {
    String name = input.getFileName() == null ? "" : input.getFileName().toString();
    if (Files.isDirectory(input) || name.endsWith(".onnx")) {
      return OnnxInspection.of(input);
    }
    return name.endsWith(".cir") ? CirInspection.of(input, verify) : ArtifactInspection.of(input, verify);
  }

  private String text(Inspection inspection) {
    StringBuilder s = new StringBuilder();
    if (dot != null) {
      s.append(DotText.of(stage(inspection.module(pass == null ? LAST : pass))));
    } else if (pass != null) {
      s.append(inspection.ir(pass));
    }
    if (kernels) {
      s.append(inspection.kernels(prediction()));
    }
    if (memory) {
      s.append(inspection.memory());
    }
    if (s.length() == 0 && html == null) {
      s.append(inspection.summary());
    }
    if (verify) {
      s.append(inspection.verified());
    }
    return s.toString();
  }

  /** The stage that {@code --dot} names; without a name the first decoder, else the one with the most operations. */
  private Stage stage(Module module) {
    if (dot.equals(LAST)) {
      return module.stages().stream().filter(s -> "decoder".equals(s.textAttribute("role"))).findFirst()
          .or(() -> module.stages().stream().max(Comparator.comparingInt(s -> s.operations().size())))
          .orElseThrow(() -> new UserError(input + ": the module has no stages"));
    }
    Stage stage = module.stage(dot);
    if (stage == null) {
      throw new UserError("--dot " + dot + ": " + input + " has no such stage; there are "
          + module.stages().stream().map(Stage::name).collect(Collectors.joining(", ")));
    }
    return stage;
  }
}
