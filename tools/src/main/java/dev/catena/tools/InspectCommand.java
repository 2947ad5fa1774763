package dev.catena.tools;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena inspect}: what is in an artifact or a model, and what the compiler made of it. */
@Command(name = "inspect", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Show what is in an artifact, an ONNX file or a folder of pieces.")
final class InspectCommand implements Callable<Integer> {
  private static final String LAST = "";

  @Parameters(index = "0", arity = "0..1", paramLabel = "FILE.catena|FILE.onnx|DIR", description = "What to look into.")
  private Path input;

  @Option(names = "--ir", arity = "0..1", fallbackValue = LAST, paramLabel = "PASS",
      description = "Print the module after a pass; default: after the last.")
  private String pass;

  @Option(names = "--kernels", description = "Print the generated source for each target.")
  private boolean kernels;

  @Option(names = "--memory", description = "Print the memory plan.")
  private boolean memory;

  @Option(names = "--verify", description = "Read everything, weights too, and compare it with its checksums.")
  private boolean verify;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    takeFileGivenAsPass();
    if (input == null) {
      throw new UserError("inspect what? Name an artifact, an ONNX file or a folder of pieces");
    }
    if (!Files.exists(input)) {
      throw new UserError(input + ": there is no such file or folder");
    }
    try (Inspection inspection = open()) {
      System.out.print(json ? Json.text(inspection.json(pass, kernels)) : text(inspection));
    }
    return 0;
  }

  /** {@code inspect --ir FILE}: the command line can't know that FILE isn't the optional PASS. */
  private void takeFileGivenAsPass() {
    if (input == null && pass != null && !pass.equals(LAST)) {
      input = Path.of(pass);
      pass = LAST;
    }
  }

  private Inspection open() {
    String name = input.getFileName() == null ? "" : input.getFileName().toString();
    if (name.endsWith(".cir")) {
      throw new UserError(input + ": text IR can't be read back yet; inspect the artifact, or the model it came from");
    }
    if (Files.isDirectory(input) || name.endsWith(".onnx")) {
      return OnnxInspection.of(input);
    }
    return ArtifactInspection.of(input, verify);
  }

  private String text(Inspection inspection) {
    StringBuilder s = new StringBuilder();
    if (pass != null) {
      s.append(inspection.ir(pass));
    }
    if (kernels) {
      s.append(inspection.kernels());
    }
    if (memory) {
      s.append(inspection.memory());
    }
    if (s.length() == 0) {
      s.append(inspection.summary());
    }
    if (verify) {
      s.append(inspection.verified());
    }
    return s.toString();
  }
}
