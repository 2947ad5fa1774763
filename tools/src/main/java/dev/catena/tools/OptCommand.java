package dev.catena.tools;

import dev.catena.frontend.onnx.ImportedModel;
import dev.catena.frontend.onnx.OnnxImporter;
import dev.catena.ir.Module;
import dev.catena.ir.text.CirReader;
import dev.catena.passes.Pass;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassOptions;
import dev.catena.passes.Passes;
import dev.catena.passes.Pipeline;
import dev.catena.passes.rules.RuleException;
import dev.catena.passes.rules.RuleExplanation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena opt}: text IR in, passes over it, text IR out. */
@Command(name = "opt", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Run passes over a module in the text form. Without --pipeline nothing is run.")
final class OptCommand implements Callable<Integer> {
  private static final String BEFORE_RAISING = "fold,widen,clean,sizes,rope-tables";

  @Parameters(index = "0", paramLabel = "FILE.cir", description = "A module as --dump-dir writes it, or written by hand.")
  private Path input;

  @Option(names = "--pipeline", paramLabel = "TEXT", defaultValue = "",
      description = "Passes in order, such as \"fold,raise,quantize{bits=4 group=128}\".")
  private String pipeline;

  @Option(names = "-o", paramLabel = "FILE.cir", description = "Where the module goes; default: standard output.")
  private Path output;

  @Option(names = "--weights", paramLabel = "DIR|FILE.onnx",
      description = "Where the files are that the weights refer to; without it, weights have no elements.")
  private Path weights;

  @Option(names = "--explain", paramLabel = "RULE",
      description = "Print where a rule matches behind the pipeline and, where it nearly does, what differs. Takes a folder"
          + " of ONNX pieces, too.")
  private String explain;

  @Mixin
  private PipelineOptions watching;

  @Override
  public Integer call() throws IOException {
    if (explain != null && !input.toString().endsWith(".cir")) {
      explainOnnx();
      return 0;
    }
    OutputFile file = output == null ? null : new OutputFile(output, "-o");
    Pipeline wanted = watching.restrict(Pipeline.parse(pipeline));
    try (FolderWeights files = weights == null ? null : FolderWeights.of(weights)) {
      Module module = files == null ? CirReader.read(input) : CirReader.read(input, files);
      PassContext context = watching.context(weights == null ? "" : "--weights '" + weights.toAbsolutePath() + "'");
      wanted.run(module, context);
      Console.warn(context.warnings());
      watching.report(context);
      if (explain != null) {
        System.out.print(explanation(module));
      } else if (file == null) {
        System.out.print(module);
      } else {
        file.write(module.toString());
      }
    }
    return 0;
  }

  private void explainOnnx() {
    try (ImportedModel imported = OnnxImporter.importModel(input)) {
      Pipeline.parse(pipeline.isEmpty() ? BEFORE_RAISING : pipeline).run(imported.module(), new PassContext());
      System.out.print(explanation(imported.module()));
    }
  }

  private String explanation(Module module) {
    try {
      return RuleExplanation.of(explain, module);
    } catch (RuleException e) {
      throw new UserError("--explain: " + e.getMessage());
    }
  }

  /** What stands below the options in {@code --help}: the passes with theirs. */
  static String[] footer() {
    List<String> lines = new ArrayList<>(List.of("", "Passes:"));
    for (Pass pass : Passes.all()) {
      lines.add(String.format("  %-12s %s", pass.name(), pass.summary()).replace("%", "%%"));
      for (PassOptions.Declared option : pass.options()) {
        lines.add(String.format("  %-12s   %s: %s (default %s)", "", option.usage(), option.doc(), option.byDefault())
            .replace("%", "%%"));
      }
    }
    return lines.toArray(String[]::new);
  }
}
