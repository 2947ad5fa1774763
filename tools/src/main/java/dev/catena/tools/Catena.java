package dev.catena.tools;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The {@code catena} command. */
@Command(name = "catena", mixinStandardHelpOptions = true, versionProvider = Version.class,
    description = "Compiles language models that come as ONNX, and runs them.",
    subcommands = {CompileCommand.class, CommandLine.HelpCommand.class})
public final class Catena {
  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
  private boolean debug;

  private Catena() {}

  public static void main(String[] args) {
    System.exit(run(args));
  }

  /** Runs one command line and returns its exit status: 0 done, 1 failed while running, 2 bad usage or bad input. */
  public static int run(String... args) {
    Catena root = new Catena();
    CommandLine command = new CommandLine(root);
    command.setCaseInsensitiveEnumValuesAllowed(true);
    command.setParameterExceptionHandler((e, given) -> {
      Failures.line(e.getMessage() + " ('catena " + nameOf(e.getCommandLine()) + "--help' lists the options)");
      return 2;
    });
    command.setExecutionExceptionHandler((e, c, parsed) -> Failures.report(e, root.debug));
    return command.execute(args);
  }

  private static String nameOf(CommandLine command) {
    return command.getCommandName().equals("catena") ? "" : command.getCommandName() + " ";
  }
}
