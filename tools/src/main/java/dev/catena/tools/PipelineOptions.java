package dev.catena.tools;

import dev.catena.passes.PassContext;
import dev.catena.passes.PassDumps;
import dev.catena.passes.PassPrinter;
import dev.catena.passes.PassReport;
import dev.catena.passes.Passes;
import dev.catena.passes.Pipeline;
import dev.catena.passes.Reproducer;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** What {@code compile} and {@code opt} offer to watch and check passes at work. What is printed goes to standard error. */
final class PipelineOptions {
  @Option(names = "--verify-each", description = "Check the module after every pass.")
  private boolean verifyEach;

  @Option(names = "--print-after", paramLabel = "PASS|all", description = "Print the module after a pass.")
  private String printAfter;

  @Option(names = "--print-changed", description = "Print the module after each pass that changed it.")
  private boolean printChanged;

  @Option(names = "--print-diff", description = "Print what each pass changed, as a diff.")
  private boolean printDiff;

  @Option(names = "--stop-after", paramLabel = "PASS", description = "Leave out the passes behind this one.")
  private String stopAfter;

  @Option(names = "--timing", description = "Print how long each pass took.")
  private boolean timing;

  @Option(names = "--stats", description = "Print what the passes counted.")
  private boolean stats;

  @Option(names = "--dump-dir", paramLabel = "DIR", description = "Write NN-pass.cir after each pass.")
  private Path dumpDir;

  @Option(names = "--repro", paramLabel = "DIR",
      description = "When a pass fails: write the module before it and the command line that shows the failure.")
  private Path repro;

  /** Whether passes are left out at the end. */
  boolean stopsEarly() {
    return stopAfter != null;
  }

  /** The pipeline as far as it is wanted; names of passes that it lacks are an error. */
  Pipeline restrict(Pipeline pipeline) {
    if (stopAfter != null) {
      requireStep(pipeline, "--stop-after", stopAfter);
    }
    Pipeline wanted = stopAfter == null ? pipeline : pipeline.upTo(stopAfter);
    if (printAfter != null && !printAfter.equals(PassPrinter.ALL) && !printAfter.equals("import")) {
      requireStep(wanted, "--print-after", printAfter);
    }
    return wanted;
  }

  private static void requireStep(Pipeline pipeline, String option, String pass) {
    Passes.get(pass);
    if (pipeline.steps().stream().noneMatch(s -> s.pass().name().equals(pass))) {
      throw new UserError(option + " " + pass + ": the pipeline has no such pass: " + pipeline);
    }
  }

  /** A run that is watched as the options say; {@code reproducing} holds further options of a reproducer's command line. */
  PassContext context(String reproducing) {
    PassContext context = new PassContext().verifyEach(verifyEach);
    if (printAfter != null) {
      context.observe(new PassPrinter(PassPrinter.Form.MODULE, printAfter, System.err::print));
    }
    if (printChanged) {
      context.observe(new PassPrinter(PassPrinter.Form.CHANGED, PassPrinter.ALL, System.err::print));
    }
    if (printDiff) {
      context.observe(new PassPrinter(PassPrinter.Form.DIFF, PassPrinter.ALL, System.err::print));
    }
    if (dumpDir != null) {
      requireFolder("--dump-dir", dumpDir);
      context.observe(new PassDumps(dumpDir));
    }
    if (repro != null) {
      requireFolder("--repro", repro);
      context.observe(new Reproducer(repro, reproducing, Console::note));
    }
    return context;
  }

  /** Said before any pass has run: a folder that is there, or can be made. */
  private static void requireFolder(String option, Path folder) {
    Path there = folder.toAbsolutePath().normalize();
    while (!Files.exists(there)) {
      there = there.getParent();
    }
    if (!Files.isDirectory(there)) {
      throw new UserError(option + " " + folder + ": " + there + " is not a folder");
    }
    if (!Files.isWritable(there)) {
      throw new UserError(option + " " + folder + ": can't write to " + there + "; name another place");
    }
  }

  /** The tables that were asked for. */
  void report(PassContext context) {
    if (timing) {
      System.err.print(PassReport.timing(context));
    }
    if (stats) {
      System.err.print(PassReport.counters(context));
    }
  }
}
