package dev.catena.tools;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The {@code catena} command. */
@Command(name = "catena", mixinStandardHelpOptions = true, versionProvider = Version.class,
    description = "Compiles language models that come as ONNX, and runs them.",
    subcommands = {CompileCommand.class, RunCommand.class, ChatCommand.class, BenchCommand.class, InspectCommand.class, OptCommand.class,
        DevicesCommand.class, DemoCommand.class, CommandLine.HelpCommand.class})
public final class Catena {
  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
  private boolean debug;

  private Catena() {}

  public static void main(String[] args) {
    // Models speak UTF-8, whatever the locale; Java would write '?' for most of it in the C locale.
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    int status = run(args);
    System.out.flush();
    System.exit(status);
  }

  /** Runs one command line and returns its exit status: 0 done, 1 failed while running, 2 bad usage or bad input. */
  public static int run(String... args) {
    Catena root = new Catena();
    try {
      return commandLine(root).execute(args);
    } catch (Error e) {   // picocli hands on exceptions only
      return Failures.report(e, root.debug);
    }
  }

  private static CommandLine commandLine(Catena root) {
    CommandLine command = new CommandLine(root);
    command.setCaseInsensitiveEnumValuesAllowed(true);
    command.setExpandAtFiles(false);   // a prompt may start with @
    command.getSubcommands().get("run").setAllowOptionsAsOptionParameters(true);   // or with a hyphen
    command.getSubcommands().get("opt").getCommandSpec().usageMessage().footer(OptCommand.passes());
    command.setParameterExceptionHandler((e, given) -> {
      Failures.line(e.getMessage() + " ('catena " + nameOf(e.getCommandLine()) + "--help' lists the options)");
      return 2;
    });
    command.setExecutionExceptionHandler((e, c, parsed) -> Failures.report(e, root.debug));
    return command;
  }

  private static String nameOf(CommandLine command) {
    return command.getCommandName().equals("catena") ? "" : command.getCommandName() + " ";
  }
}
