package dev.catena.tools;

import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.codegen.cuda.CudaTarget;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena conformance}: folders of ONNX's backend tests through the whole compiler. */
@Command(name = "conformance", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Run folders of ONNX backend tests (model.onnx and test_data_set_*) through the whole compiler.")
final class ConformanceCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "DIR", description = "Folders of cases, or cases.")
  private List<Path> folders;

  @Option(names = "--target", defaultValue = "cpu", paramLabel = "T",
      description = "What to generate code for: cpu (this machine), a cpu:… that it can run, or sim (CUDA, simulated). Default: ${DEFAULT-VALUE}")
  private String target;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    ConformanceTarget where = where();
    ConformanceSuite suite = ConformanceSuite.find(folders);
    suite.run(where);
    ConformanceSuite.Result result = suite.result();
    result.failures().forEach(Console::note);
    System.out.print(json ? Json.text(json(result)) : text(result));
    return result.failed() == 0 ? 0 : 1;
  }

  private ConformanceTarget where() {
    if (target.equals("sim")) {
      return new SimConformance(CudaTarget.parse("sm_86"));
    } else if (target.startsWith("cpu")) {
      return new CpuConformance(CpuTarget.parse(target));
    }
    throw new UserError("--target " + target + ": cases are run as CPU code, or as CUDA on a simulated GPU; choose cpu or sim");
  }

  private static Map<String, Object> json(ConformanceSuite.Result result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("passed", result.passed());
    json.put("failed", result.failed());
    json.put("skipped", result.skipped());
    json.put("skips", result.skips());
    json.put("failures", result.failures());
    return json;
  }

  private static String text(ConformanceSuite.Result result) {
    TextTable table = new TextTable("operation", "passed", "failed", "skipped");
    result.byOperation().forEach((operation, counts) -> table.row(operation, counts[0], counts[1], counts[2]));
    StringBuilder s = new StringBuilder(table.text()).append('\n');
    result.skips().forEach((reason, count) -> s.append("skipped ").append(count).append(": ").append(reason).append('\n'));
    return s.append(result.passed()).append(" passed, ").append(result.failed()).append(" failed, ").append(result.skipped())
        .append(" skipped\n").toString();
  }
}
