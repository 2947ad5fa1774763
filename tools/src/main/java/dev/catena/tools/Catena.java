package dev.catena.tools;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The {@code catena} command. */
@Command(name = "catena", mixinStandardHelpOptions = true, versionProvider = Version.class,
    description = "Compiles language models that come as ONNX, and runs them.")
public final class Catena {
  /** In the order in which help lists them. */
  private static final Map<String, Supplier<Object>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("compile", CompileCommand::new);
    COMMANDS.put("run", RunCommand::new);
    COMMANDS.put("chat", ChatCommand::new);
    COMMANDS.put("serve", ServeCommand::new);
    COMMANDS.put("eval", EvalCommand::new);
    COMMANDS.put("bench", BenchCommand::new);
    COMMANDS.put("inspect", InspectCommand::new);
    COMMANDS.put("opt", OptCommand::new);
    COMMANDS.put("plan", PlanCommand::new);
    COMMANDS.put("exec", ExecCommand::new);
    COMMANDS.put("conformance", ConformanceCommand::new);
    COMMANDS.put("tune", TuneCommand::new);
    COMMANDS.put("devices", DevicesCommand::new);
    COMMANDS.put("demo", DemoCommand::new);
    COMMANDS.put("help", CommandLine.HelpCommand::new);
  }

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
  private boolean debug;

  private Catena() {}

  public static void main(String[] args) {
    // Models speak UTF-8, whatever the locale; Java would write '?' for most of it in the C locale.
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    int status = run(args);
    if (System.out.checkError() && status == 0) {   // flushes; true on a full disk, or when a pipe's reader is gone
      Failures.line("standard output can't be written");
      status = 1;
    }
    System.exit(status);
  }

  /** Runs one command line and returns its exit status: 0 done, 1 failed while running, 2 bad usage or bad input. */
  public static int run(String... args) {
    Catena root = new Catena();
    try {
      return commandLine(root, args).execute(args);
    } catch (Error e) {   // picocli hands on exceptions only
      return Failures.report(e, root.debug);
    }
  }

  private static CommandLine commandLine(Catena root, String[] args) {
    CommandLine command = new CommandLine(root);
    // Reading a command's annotations takes time, and nearly always only one is wanted, or none.
    String first = args.length == 0 ? "" : args[0];
    COMMANDS.forEach((name, maker) -> {
      if (first.equals(name) || !COMMANDS.containsKey(first) && !first.equals("--version") || first.equals("help")) {
        command.addSubcommand(name, maker.get());
      }
    });
    command.setCaseInsensitiveEnumValuesAllowed(true);
    command.setExpandAtFiles(false);   // a prompt may start with @
    // Or with a hyphen.
    Optional.ofNullable(command.getSubcommands().get("run")).ifPresent(c -> c.setAllowOptionsAsOptionParameters(true));
    command.setParameterExceptionHandler((e, given) -> {
      Failures.line(e.getMessage() + " ('catena " + nameOf(e.getCommandLine()) + "--help' lists the options)");
      return 2;
    });
    Optional.ofNullable(command.getSubcommands().get("opt"))
        .ifPresent(c -> c.getCommandSpec().usageMessage().footer(OptCommand.footer()));
    command.setExecutionExceptionHandler((e, c, parsed) -> Failures.report(e, root.debug));
    return command;
  }

  private static String nameOf(CommandLine command) {
    return command.getCommandName().equals("catena") ? "" : command.getCommandName() + " ";
  }
}
