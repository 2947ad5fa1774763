package dev.catena.tools;

import dev.catena.artifact.GraphDescription;
import dev.catena.runtime.Devices;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena exec}: a compiled graph, tensors in and out as NumPy files. */
@Command(name = "exec", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Run a compiled graph of any operations on tensors in NumPy files.")
final class ExecCommand implements Callable<Integer> {
  private static final int MAX_THREADS = 1024;

  @Parameters(index = "0", paramLabel = "FILE.catena", description = "An artifact of a model that is no language model.")
  private Path artifact;

  @Option(names = "--input", paramLabel = "NAME=FILE.npy", description = "A tensor for the input of this name; once for each.")
  private List<String> inputs = List.of();

  @Option(names = "--output-dir", paramLabel = "DIR", required = true,
      description = "Where each output is written as NAME.npy; made if it isn't there.")
  private Path outputs;

  @Option(names = "--device", defaultValue = "cpu:0", paramLabel = "D",
      description = "The device that runs it: cpu:0, cuda:0, sim:0 … Default: ${DEFAULT-VALUE}")
  private String device;

  @Option(names = "--threads", paramLabel = "N", description = "Default: this machine's processors")
  private Integer threads;

  @Override
  public Integer call() throws IOException {
    int count = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (count < 1 || count > MAX_THREADS) {
      throw new UserError("--threads " + count + ": must be from 1 to " + MAX_THREADS);
    }
    String note = Devices.note(device.strip());
    if (note != null) {
      Console.note(note);
    }
    try (TensorModel model = TensorModel.open(artifact, device.strip()); TensorSession session = model.newSession(count)) {
      Map<String, TensorValue> given = read(model);
      boolean made = makeFolder();
      boolean done = false;
      try {
        Map<String, Path> files = files(model); // what can't be written is said before anything is computed
        write(session.run(given), files);
        done = true;
      } finally {
        if (made && !done) {
          outputs.toFile().delete(); // empty, or left where it is
        }
      }
    }
    return 0;
  }

  private Map<String, Path> files(TensorModel model) {
    Set<String> taken = new HashSet<>();
    Map<String, Path> files = new LinkedHashMap<>();
    for (GraphDescription.Port output : model.outputs()) {
      Path file = outputs.resolve(fileName(output.name(), taken));
      new OutputFile(file, "--output-dir");
      files.put(output.name(), file);
    }
    return files;
  }

  /** Writes all outputs; where one can't be written, those before it are taken back. */
  private static void write(Map<String, TensorValue> results, Map<String, Path> files) throws IOException {
    List<Path> written = new ArrayList<>();
    TextTable table = new TextTable("output", "type", "file");
    boolean done = false;
    try {
      for (Map.Entry<String, TensorValue> result : results.entrySet()) {
        Path file = files.get(result.getKey());
        NpyTensor.write(file, result.getValue());
        written.add(file);
        table.row(result.getKey(), result.getValue(), file);
      }
      done = true;
    } finally {
      for (Path file : done ? List.<Path>of() : written) {
        Files.deleteIfExists(file);
      }
    }
    System.out.print(table.text());
  }

  private Map<String, TensorValue> read(TensorModel model) {
    Map<String, TensorValue> values = new LinkedHashMap<>();
    for (String input : inputs) {
      // A name may hold '=', and so may a path.
      GraphDescription.Port port = model.inputs().stream().filter(p -> input.startsWith(p.name() + "=")).findFirst().orElse(null);
      if (port == null) {
        throw new UserError("--input " + input + ": write NAME=FILE.npy; the model takes "
            + model.inputs().stream().map(p -> p.name() + " " + p.text()).collect(Collectors.joining(", ")));
      }
      Path file = Path.of(input.substring(port.name().length() + 1));
      if (values.put(port.name(), NpyTensor.read(file, port.type())) != null) {
        throw new UserError("--input " + port.name() + ": is given twice");
      }
    }
    return values;
  }

  /** Whether the folder wasn't there before. */
  private boolean makeFolder() {
    if (Files.isDirectory(outputs)) {
      return false;
    }
    if (Files.exists(outputs)) {
      throw new UserError("--output-dir " + outputs + ": is not a folder");
    }
    try {
      Files.createDirectories(outputs);
      return true;
    } catch (IOException e) {
      throw new UserError("--output-dir " + outputs + ": can't be made (" + e.getClass().getSimpleName() + ": " + e.getMessage()
          + "); name another place");
    }
  }

  /** A name that is one file of the folder, whatever the model calls its output. */
  private static String fileName(String name, Set<String> taken) {
    String plain = name.replaceAll("[^A-Za-z0-9._-]", "_").replaceFirst("^\\.", "_");
    plain = plain.isEmpty() ? "output" : plain.substring(0, Math.min(200, plain.length()));
    String unique = plain;
    for (int i = 2; !taken.add(unique); i++) {
      unique = plain + "-" + i;
    }
    return unique + ".npy";
  }
}
