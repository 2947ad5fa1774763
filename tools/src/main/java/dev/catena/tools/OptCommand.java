package dev.catena.tools;

import dev.catena.ir.Module;
import dev.catena.ir.text.CirReader;
import dev.catena.passes.Pass;
import dev.catena.passes.PassContext;
import dev.catena.passes.PassOptions;
import dev.catena.passes.Passes;
import dev.catena.passes.Pipeline;
import java.io.IOException;
import java.nio.file.Files;
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

  @Mixin
  private PipelineOptions watching;

  @Override
  public Integer call() throws IOException {
    Pipeline wanted = watching.restrict(Pipeline.parse(pipeline));
    try (FolderWeights files = weights == null ? null : FolderWeights.of(weights)) {
      Module module = files == null ? CirReader.read(input) : CirReader.read(input, files);
      PassContext context = watching.context(weights == null ? "" : "--weights '" + weights.toAbsolutePath() + "'");
      wanted.run(module, context);
      context.warnings().forEach(Console::warn);
      watching.report(context);
      if (output == null) {
        System.out.print(module);
      } else {
        Files.writeString(output, module.toString());
      }
    }
    return 0;
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
