package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.DeviceLostException;
import dev.catena.runtime.FinishReason;
import dev.catena.runtime.Generation;
import dev.catena.runtime.GenerationOptions;
import dev.catena.runtime.Request;
import dev.catena.runtime.Scheduler;
import dev.catena.runtime.SchedulerFailedException;
import dev.catena.runtime.SchedulerOptions;
import dev.catena.runtime.Session;
import dev.catena.runtime.SessionOptions;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.command.CommandResult;
import dev.catena.tests.cuda.FakeCuda.Settings;
import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tools.serve.CompletionServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The binding to NVIDIA's driver, on one that pretends: what is called, with what, and what a user is told when it fails. What
 * kernels compute is {@code sim}'s business, which runs under the same code.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaDeviceTest {
  private static final long GIB = 1L << 30;
  private static final int[] PROMPT = {3, 104, 3, 7, 0};

  @TempDir static Path folder;

  private Path artifact;

  @BeforeAll
  void compile() {
    LlamaModel.write(folder.resolve("model"), LlamaShape.of(4, 2, 16, 96, 105, 4, 64), ExportStyle.F32, 5);
    artifact = folder.resolve("model.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", artifact, "--wbits", 8, "--target", "sm_80,sm_86,cpu", "--step-rows", 8)
        .succeeded();
  }

  private static CommandResult run(Path file, Object... more) {
    return run(3, file, more);
  }

  private static CommandResult run(int tokens, Path file, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("run", file, "--ids", "3,104,3,7,0", "--print-ids", "--max-tokens", tokens));
    arguments.addAll(List.of(more));
    return CatenaCommand.run(arguments.toArray());
  }

  private static String lastLine(CommandResult result) {
    String[] lines = result.err().strip().split("\n");
    assertTrue(!result.err().contains("\tat "), result.err());
    return lines[lines.length - 1];
  }

  /** A step's graph has the program's launches, in order, each after the one before, with every pointer where its meaning lies. */
  @Test
  void aStepIsAGraphOfTheProgramsLaunches() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 89, GIB)); ArtifactReader reader = ArtifactReader.open(artifact)) {
      List<List<String>> nodes = new ArrayList<>();
      try (CatenaModel model = CatenaModel.open(artifact);
          Session session = model.newSession(SessionOptions.defaults().withDevices(List.of("cuda:0")))) {
        session.feed(PROMPT);
        fake.log("node").forEach(line -> nodes.add(List.of(line.split(" "))));
        check(reader, nodes, session.memoryBytes());
        // What the fake's kernels don't compute is 0, on a real GPU the likeliest token.
        Generation generation = session.generate(GenerationOptions.greedy().withMaxTokens(4).withIgnoreEos(true));
        while (generation.hasNext()) {
          generation.nextInt();
        }
      }
      assertEquals(List.of("load cubin"), fake.log("load"));
      int launches = nodes.size();
      List<String> graphs = fake.log("graph of");
      // The prompt's step, then a choice and a step for all but the last token.
      assertEquals(8, graphs.size(), () -> String.join("\n", graphs));
      assertEquals("graph of " + launches + " on 0", graphs.get(0));
      // The nodes of the prompt's bucket, of the choice, of the bucket for one row: each graph is made once.
      assertEquals(2 * launches + 1, fake.log("node").size());
      assertEquals(List.of(), fake.log("launch"));
      List<String> out = fake.log("out");
      assertEquals(4, out.size(), "only the sampled tokens come back");
      assertTrue(out.stream().allMatch(line -> line.startsWith("out 4 ")), () -> String.join("\n", out));
      assertEquals(List.of(), fake.log().stream().filter(line -> line.contains("BAD")).toList());
      fake.assertNothingLeft();
    }
  }

  /** Kernels that wait themselves are tied by edges that let the next one begin early; all others never are. */
  @ParameterizedTest
  @CsvSource({"--experimental,90,true", "--experimental,86,false", "--verify-each,90,false"})
  void onlyKernelsThatWaitThemselvesOverlap(String option, int capability, boolean overlap) throws Exception {
    Path file = folder.resolve("overlap" + option + ".catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", file, "--wbits", 8, "--target", "sm_86,sm_90", "--step-rows", 8, option).succeeded();
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, capability, GIB))) {
      assertEquals(0, run(1, file, "--device", "cuda:0").status());
      List<String> nodes = fake.log("node");
      long after = nodes.stream().filter(line -> !line.contains(" after 0 ")).count();
      int edges = fake.log("overlap").size();
      // One graph for the prompt's step, one of a single kernel that chooses the token.
      assertEquals(nodes.size() - 2, overlap ? edges : after);
      assertEquals(0, overlap ? after : edges);
      fake.assertNothingLeft();
    }
  }

  private static void check(ArtifactReader reader, List<List<String>> nodes, long memoryBytes) {
    Manifest manifest = reader.manifest();
    Manifest.Target target = manifest.target("sm_86");      // the nearest that 8.9 runs
    int at = 0;
    for (Manifest.Stage stage : manifest.stages()) {
      KernelProgram program = target.programs().get(stage.code().get("sm_86").symbol());
      KernelProgram.Bucket bucket = program.buckets().stream().filter(b -> b.rows() >= PROMPT.length).findFirst().orElseThrow();
      for (KernelProgram.Launch launch : bucket.launches()) {
        List<String> node = nodes.get(at);
        List<String> expected = new ArrayList<>(List.of("node", launch.kernel(), "after", "" + at, "grid"));
        launch.grid().forEach(n -> expected.add(n.toString()));
        expected.add("block");
        launch.block().forEach(n -> expected.add(n.toString()));
        expected.addAll(List.of("shared", "" + launch.shared()));
        assertEquals(expected, node.subList(0, expected.size()));
        List<String> pointers = node.subList(expected.size(), node.size());
        assertEquals(launch.args().size(), pointers.size(), launch.kernel());
        for (int i = 0; i < pointers.size(); i++) {
          checkPointer(reader, stage, launch.args().get(i), Long.parseLong(pointers.get(i)));
        }
        at++;
      }
    }
    assertEquals(nodes.size(), at);
    assertTrue(memoryBytes > 0);
  }

  private static void checkPointer(ArtifactReader reader, Manifest.Stage stage, String argument, long pointer) {
    String what = stage.name() + ": " + argument;
    if (!argument.matches("(input|output|arena|scratch)\\+.*")) {
      assertEquals(0, pointer % 256, what);
    }
    if (argument.startsWith("weight:")) {
      Manifest.Weight weight = stage.weights().get(Integer.parseInt(argument.substring(7)));
      assertArrayEquals(reader.bytes(weight.entry()), FakeCuda.bytes(pointer, (int) weight.bytes()), what);
    } else if (argument.equals("step")) {
      assertArrayEquals(new int[] {PROMPT.length, 1, 1}, Arrays.copyOf(ints(pointer, 4), 3), what);
    } else if (argument.equals("tokens")) {
      assertArrayEquals(PROMPT, ints(pointer, PROMPT.length), what);
    } else if (argument.equals("positions")) {
      assertArrayEquals(new int[] {0, 1, 2, 3, 4}, ints(pointer, PROMPT.length), what);
    } else if (argument.equals("selected_rows")) {
      assertArrayEquals(new int[] {PROMPT.length - 1}, ints(pointer, 1), what);
    }
  }

  private static int[] ints(long address, int count) {
    int[] ints = new int[count];
    ByteBuffer.wrap(FakeCuda.bytes(address, 4 * count)).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(ints);
    return ints;
  }

  /** One line that says what is wrong and what to do, from {@code run} and from {@code devices}. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "11080 | 1 | 86 | '' | 0 | the NVIDIA driver is too old: it has CUDA 11.8, Catena needs 12.0; install driver 525 or later",
    "12020 | 1 | 86 | cuInit | 100 | CUDA_VISIBLE_DEVICES",
    "12020 | 1 | 86 | cuInit | 803 | restart the machine after an update of the driver",
    "12020 | 0 | 86 | '' | 0 | the driver",
    "12020 | 1 | 61 | '' | 0 | none for cuda:0 (Pretended GPU 0, sm_61): Pretended GPU 0 has compute capability 6.1, Catena's code needs 7.5",
    "12020 | 1 | 86 | cuDeviceGetName | 999 | dmesg may"})
  void aDriverThatCannotBeUsed(int version, int devices, int capability, String failing, int error, String said) throws Exception {
    Settings settings = Settings.of(devices, capability, GIB).withVersion(version).failing(failing, 0, error);
    try (FakeCuda fake = new FakeCuda(folder, settings)) {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).contains(said), result.err());
      CommandResult listed = CatenaCommand.run("devices");
      assertEquals(0, listed.status());
      assertTrue(listed.out().lines().anyMatch(line -> line.startsWith("cuda") && line.contains("can't be used: ")), listed.out());
      assertEquals(List.of(), fake.log("allocate"));
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "/nowhere/libcuda.so.1 | no NVIDIA driver: /nowhere/libcuda.so.1: cannot open",
    "libc.so.6 | libc.so.6 is no NVIDIA driver"})
  void aLibraryThatIsNone(String library, String said) {
    System.setProperty("catena.cuda.library", library);
    try {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).contains("cuda:0 can't be used: " + said), result.err());
      assertTrue(CatenaCommand.run("devices").out().contains(said));
    } finally {
      System.clearProperty("catena.cuda.library");
    }
  }

  @Test
  void devicesListsWhatIsThere() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(2, 89, 8 * GIB))) {
      String listed = CatenaCommand.run("devices").succeeded().out();
      assertTrue(listed.contains("cuda:1  Pretended GPU 1, 84 multiprocessors, 8.00 GiB\n  targets   sm_80 sm_86 sm_89\n"), listed);
      assertEquals(List.of(), fake.log("allocate"));
    }
    CommandResult missing = run(artifact, "--device", "cuda:7");
    assertEquals(2, missing.status(), missing.err());
  }

  @Test
  void aGpuWithoutMachineCodeTakesPtxAndSaysSo() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 90, GIB))) {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(0, result.status(), result.err());
      assertEquals(List.of("load ptx"), fake.log("load"));
      assertTrue(result.err().contains("has no machine code for cuda:0 (sm_90); the driver compiles its PTX"), result.err());
    }
  }

  /**
   * Machine code of the GPU's own generation, the nearest that isn't newer; what is for one chip alone on that chip, and nowhere else; else
   * PTX, with a line that says so and names the target to compile for, where there is one.
   */
  @ParameterizedTest
  @CsvSource(delimiter = '|', nullValues = "-", value = {
    "80  | sm_80  | -", "89  | sm_80  | -", "90  | sm_90a | -", "100 | -      | --target sm_100", "103 | -      | --target sm_100", "130 | - | may be slower",
  })
  void theCodeThatFitsTheGpu(int capability, String target, String said) throws Exception {
    Path file = folder.resolve("generations.catena");
    if (!Files.exists(file)) {
      CatenaCommand.run("compile", folder.resolve("model"), "-o", file, "--wbits", 8, "--target", "sm_80,sm_90,sm_90a", "--step-rows", 2, "--experimental")
          .succeeded();
    }
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, capability, GIB)); ArtifactReader reader = ArtifactReader.open(file)) {
      CommandResult result = run(1, file, "--device", "cuda:0");
      assertEquals(0, result.status(), result.err());
      assertEquals(List.of(target == null ? "load ptx" : "load cubin"), fake.log("load"));
      for (Manifest.Target each : reader.manifest().targets()) {
        boolean waits = new String(reader.bytes(each.ptx()), StandardCharsets.UTF_8).contains("griddepcontrol.wait");
        assertEquals(each.features().contains(Manifest.Target.DEPENDENT_LAUNCHES), waits, each.name() + ": what holds of its code holds of its PTX");
      }
      if (target != null) {
        int flags = ByteBuffer.wrap(reader.bytes(reader.manifest().target(target).library())).order(ByteOrder.LITTLE_ENDIAN).getInt(48);
        assertEquals(List.of("cubin flags " + flags), fake.log("cubin"));
      }
      List<String> lines = result.err().lines().filter(line -> line.contains("compiles its PTX")).toList();
      assertEquals(said == null ? 0 : 1, lines.size(), result.err());
      assertTrue(said == null || lines.get(0).strip().endsWith(said), result.err());
    }
  }

  /** PTX of a driver's future: what to do is said. */
  @Test
  void aDriverThatIsOlderThanThePtx() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 90, GIB).failing("cuModuleLoadDataEx", 0, 222))) {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).contains("the driver is older than the PTX") && lastLine(result).contains("install a newer one"), result.err());
      assertEquals(1, fake.log("FAILS").size());
    }
  }

  /** A GPU that can't be used hides none of the others. */
  @Test
  void oneBrokenGpuAmongOthers() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(2, 86, GIB).failing("cuDeviceGetName", 0, 46))) {
      String listed = CatenaCommand.run("devices").succeeded().out();
      assertTrue(listed.contains("cuda:1  Pretended GPU 1"), listed);
      assertTrue(listed.contains("cuda:0 can't be used: another process has it to itself"), listed);
      assertEquals(0, run(artifact, "--device", "cuda:1").status());
      assertTrue(fake.log("FAILS").size() > 0);
    }
  }

  /** The runtime, which has no compiler, names the compiler's targets, these and no others: the nearest of a GPU's own generation. */
  @Test
  void messagesNameTheTargetThatTheCompilerHas() throws Exception {
    Path file = folder.resolve("turing.catena");
    CatenaCommand.run("compile", folder.resolve("model"), "-o", file, "--wbits", 8, "--target", "sm_75", "--step-rows", 2).succeeded();
    for (int capability : new int[] {80, 86, 87, 89, 90, 100, 101, 103, 110, 120, 121, 130}) {
      try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, capability, GIB))) {
        CommandResult result = run(1, file, "--device", "cuda:0").succeeded();
        String named = CudaTarget.known().stream().filter(target -> target.capability() / 10 == capability / 10 && target.capability() <= capability)
            .reduce((before, last) -> last).map(target -> "; compile it with --target " + target.name()).orElse("");
        assertTrue(result.err().contains("(sm_" + capability + "); the driver compiles its PTX, which takes a while the first time and may be slower"
            + named + "\n"), result.err());
        assertEquals(List.of("load ptx"), fake.log("load"));
      }
    }
  }

  /** From the plan, before anything is allocated. */
  @Test
  void tooLittleMemoryIsForeseen() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, 64L << 20))) {
      CommandResult result = run(artifact, "--device", "cuda:0,cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).matches("catena: cuda:0: the model's part takes .* of weights, .* of cache for .* positions and .* of "
          + "activations; there is room for .*; spread it over more devices.*"), result.err());
      assertEquals(List.of(), fake.log("allocate"));
    }
  }

  @ParameterizedTest
  @CsvSource({"cuStreamSynchronize,6,700,used memory that isn't its own", "cuGraphLaunch,3,719,a kernel failed",
    "cuMemcpyHtoDAsync,40,214,its memory has an error"})
  void aGpuThatFailsOnTheWay(String function, int after, int error, String said) throws Exception {
    Settings settings = Settings.of(1, 86, GIB).failing(function, after, error);
    try (FakeCuda fake = new FakeCuda(folder, settings)) {
      CommandResult result = run(20, artifact, "--device", "cuda:0");
      assertEquals(1, result.status(), result.err());
      assertTrue(lastLine(result).startsWith("catena: cuda:0: ") && lastLine(result).contains(said), result.err());
      assertEquals(1, fake.log("FAILS").size());
    }
  }

  /** A context outlives want of memory: the request ends with a line that says what to do, and the next may have more luck. */
  @Test
  void aGpuWithoutRoomForAGraphIsNotLost() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB).failing("cuGraphInstantiateWithFlags", 0, 2))) {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).startsWith("catena: cuda:0: its memory is full") && lastLine(result).contains("--device-memory"), result.err());
      try (CatenaModel model = CatenaModel.open(artifact); Scheduler scheduler = model.newScheduler(SchedulerOptions.defaults()
          .withSession(SessionOptions.defaults().withKvCapacity(512).withDevices(List.of("cuda:0"))))) {
        for (int i = 0; i < 2; i++) {
          Request request = scheduler.submit(PROMPT, GenerationOptions.greedy());
          assertEquals(FinishReason.FAILED, request.await());
          assertFalse(request.failure() instanceof DeviceLostException, "" + request.failure());
        }
        scheduler.requireWorking();
      }
      assertEquals(3, fake.log("FAILS").size());
      fake.assertNothingLeft();
    }
  }

  /** Before anything is on it: another process has the card, or has filled it. */
  @ParameterizedTest
  @CsvSource({"46,another process has it to itself", "2,its memory is full"})
  void aGpuThatOthersHave(int error, String said) throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB).failing("cuDevicePrimaryCtxRetain", 0, error))) {
      CommandResult result = run(artifact, "--device", "cuda:0");
      assertEquals(2, result.status(), result.err());
      assertTrue(lastLine(result).startsWith("catena: cuda:0: " + said), result.err());
      assertEquals(List.of(), fake.log("allocate"));
    }
  }

  /** A page that two sequences share is copied before the step that writes to it: a failure there ends the request and is told to those who come later. */
  @Test
  void aGpuThatFailsWhileAPageIsCopied() throws Exception {
    int[] whole = new int[60];
    Arrays.fill(whole, 7);
    int[] alikeInPart = Arrays.copyOf(whole, 30);
    alikeInPart[25] = 3;
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB).failing("cuMemcpyDtoDAsync", 0, 700)); CatenaModel model = CatenaModel.open(artifact);
        Scheduler scheduler = model.newScheduler(SchedulerOptions.defaults().withSession(SessionOptions.defaults().withKvCapacity(512)
            .withDevices(List.of("cuda:0"))))) {
      GenerationOptions greedy = GenerationOptions.greedy().withMaxTokens(5).withIgnoreEos(true);
      assertEquals(FinishReason.LENGTH, scheduler.submit(whole, greedy).await());
      Request request = scheduler.submit(alikeInPart, greedy);
      assertEquals(FinishReason.FAILED, request.await());
      assertTrue(request.failure() instanceof DeviceLostException && request.failure().getMessage().contains("memory that isn't its own"),
          "" + request.failure());
      assertRefuses(scheduler, "cuda:0: a kernel used memory that isn't its own");
      assertEquals(1, fake.log("FAILS").size());
    }
  }

  private static void assertRefuses(Scheduler scheduler, String said) {
    SchedulerFailedException refused = assertThrows(SchedulerFailedException.class, () -> scheduler.submit(PROMPT, GenerationOptions.greedy()));
    assertTrue(refused.getMessage().startsWith("the scheduler has failed: " + said), refused.getMessage());
    assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
  }

  /** A server goes on to answer: each request, and who asks for its health, is told in one line what the card said. */
  @Test
  void aServerOutlivesItsCard() throws Exception {
    SchedulerOptions options = SchedulerOptions.defaults().withSession(SessionOptions.defaults().withKvCapacity(512).withDevices(List.of("cuda:0")));
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB).failing("cuGraphLaunch", 5, 719)); CatenaModel model = CatenaModel.open(artifact);
        Scheduler scheduler = model.newScheduler(options);
        CompletionServer server = new CompletionServer("m", new InetSocketAddress("127.0.0.1", 0), model.manifest().model(), Optional.empty(), scheduler, 4)) {
      URI root = URI.create("http://127.0.0.1:" + server.address().getPort());
      URI completions = root.resolve("/v1/completions");
      HttpRequest health = HttpRequest.newBuilder(root.resolve("/health")).build();
      assertEquals(200, HttpClient.newHttpClient().send(health, HttpResponse.BodyHandlers.ofString()).statusCode());
      for (int tokens : new int[] {2, 20, 1}) {     // before the card fails, while, and after
        HttpResponse<String> answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(completions).POST(HttpRequest.BodyPublishers.ofString(
            "{\"prompt\": [3, 7], \"temperature\": 0, \"ignore_eos\": true, \"max_tokens\": " + tokens + "}")).build(), HttpResponse.BodyHandlers.ofString());
        assertEquals(tokens == 2 ? 200 : tokens == 20 ? 500 : 503, answer.statusCode(), answer.body());
        if (tokens != 2) {
          assertSaid((tokens == 20 ? "" : "the scheduler has failed: ") + "cuda:0: a kernel failed", answer);
        }
      }
      HttpResponse<String> ill = HttpClient.newHttpClient().send(health, HttpResponse.BodyHandlers.ofString());
      assertEquals(503, ill.statusCode(), ill.body());
      assertSaid("the scheduler has failed: cuda:0: a kernel failed", ill);
      assertEquals(1, fake.log("FAILS").size());
    }
  }

  private static void assertSaid(String start, HttpResponse<String> answer) throws Exception {
    String said = new ObjectMapper().readTree(answer.body()).at("/error/message").asText();
    assertTrue(said.startsWith(start) && said.lines().count() == 1, said);
  }

  /** Only tokens come back from steps that several requests share, and a card that fails ends the requests, not the process. */
  @Test
  void aSchedulerBringsBackTokensAndEndsItsRequestsWhenTheCardFails() throws Exception {
    SchedulerOptions options = SchedulerOptions.defaults().withMaxSequences(3)
        .withSession(SessionOptions.defaults().withKvCapacity(512).withDevices(List.of("cuda:0")));
    GenerationOptions greedy = GenerationOptions.greedy().withMaxTokens(6).withIgnoreEos(true);
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB))) {
      try (CatenaModel model = CatenaModel.open(artifact); Scheduler scheduler = model.newScheduler(options)) {
        List<Request> requests = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          requests.add(scheduler.submit(new int[] {3, i, 7}, greedy));
        }
        for (Request request : requests) {
          assertEquals(FinishReason.LENGTH, request.await());
        }
      }
      List<String> out = fake.log("out");
      assertTrue(out.size() >= 6 && out.stream().allMatch(line -> line.matches("out (4|8|12) .*")), () -> String.join("\n", out));
      assertEquals(List.of(), fake.log().stream().filter(line -> line.contains("BAD")).toList());
      fake.assertNothingLeft();
    }
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB).failing("cuGraphLaunch", 5, 719));
        CatenaModel model = CatenaModel.open(artifact)) {
      try (Scheduler scheduler = model.newScheduler(options)) {
        Request request = scheduler.submit(PROMPT, greedy);
        assertEquals(FinishReason.FAILED, request.await());
        assertTrue(request.failure() instanceof DeviceLostException && request.failure().getMessage().startsWith("cuda:0: "), "" + request.failure());
        assertRefuses(scheduler, "cuda:0: ");
      }
      assertEquals(1, fake.log("FAILS").size());
    }
  }

  /** Weights pass through two buffers, and no more is taken than was allowed. */
  @Test
  void weightsAreStreamedWhereTheyDontFit() throws Exception {
    long all;
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB))) {
      run(artifact, "--device", "cuda:0").succeeded();
      all = fake.mostBytes();
    }
    long limit = all + (2L << 20);      // what graphs are reckoned to take is planned, too
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB))) {
      CommandResult refused = run(artifact, "--device", "cuda:0", "--device-memory", "40KiB");
      assertEquals(2, refused.status(), refused.err());
      assertTrue(lastLine(refused).contains("(--device-memory), of which weights that are streamed need"), refused.err());
      assertEquals(List.of(), fake.log("allocate"));
    }
    long least = Long.MAX_VALUE;
    int most = 0;
    for (long bytes = limit; bytes > 0; bytes -= 32 << 10) {
      try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB))) {
        CommandResult result = run(artifact, "--device", "cuda:0", "--device-memory", bytes / 1024 + "KiB");
        if (result.status() == 2) {
          break;
        }
        assertEquals(0, result.status(), result.err());
        assertTrue(fake.mostBytes() <= bytes, fake.mostBytes() + " of " + bytes);
        assertEquals(List.of(), fake.log().stream().filter(line -> line.contains("BAD")).toList());
        fake.assertNothingLeft();
        least = Math.min(least, fake.mostBytes());
        assertEquals(List.of(), fake.log("launch"), "stages are graphs, also those that wait for weights");
        most = Math.max(most, stagesBroughtWhileOthersCompute(fake.log()));
      }
    }
    assertTrue(least < all, least + " of " + all);
    assertTrue(most >= 3, most + " stages of a step were streamed");
  }

  /**
   * Reads what was put into the stream that computes and into the one that brings weights: a stage's copies wait for who used the
   * buffer last and never for the stage just before, which computes meanwhile; the stage waits for them; and the host waits
   * for neither within a step.
   *
   * @return how many stages' weights a step brought, at most
   */
  private static int stagesBroughtWhileOthersCompute(List<String> log) {
    List<String> steps = log.subList(log.indexOf(log.stream().filter(line -> line.startsWith("graph launched")).findFirst().orElseThrow()), log.size());
    String computing = steps.get(0).replaceAll("\\D", "");
    int brought = 0;
    int most = 0;
    String awaited = null;      // by the copies under way
    String filled = null;
    String usedBefore = null;   // when the stage before the one whose weights come has computed
    boolean waiting = false;
    for (String line : steps) {
      String[] numbers = line.replaceAll("\\D+", " ").strip().split(" ");
      String stream = line.startsWith("stream") ? numbers[0] : numbers[numbers.length - 1];
      if (line.startsWith("synchronize stream") && stream.equals(computing)) {
        assertTrue(awaited == null, "the host waits for computing between a stage's copies and its launch");
        usedBefore = null;
        brought = 0;
      } else if (line.startsWith("stream") && !stream.equals(computing)) {
        awaited = numbers[1];
        assertTrue(!awaited.equals(usedBefore), "copies wait for the stage just before: nothing overlaps");
      } else if (line.startsWith("event") && !stream.equals(computing)) {
        filled = numbers[0];
      } else if (line.startsWith("stream") && awaited != null) {
        assertEquals(filled, numbers[1], "the stage waits for its copies");
        waiting = true;
      } else if (line.startsWith("graph launched")) {
        assertTrue(awaited == null || waiting, "launched before its weights are there");
        brought += waiting ? 1 : 0;
        most = Math.max(most, brought);
      } else if (line.startsWith("event") && waiting) {
        usedBefore = numbers[0];
        awaited = null;
        waiting = false;
      }
    }
    return most;
  }

  /** What plan says that passes through is what the runtime then lets pass, at every size. */
  @Test
  void weightsThatAreStreamedAreForeseen() throws Exception {
    Path wide = folder.resolve("wide");
    LlamaModel.write(wide, LlamaShape.of(8, 4, 16, 300, 500, 3, 256), ExportStyle.F32, 3);
    Path file = folder.resolve("wide.catena");
    CatenaCommand.run("compile", wide, "-o", file, "--target", "sm_86", "--step-rows", 8, "--max-seq-len", 64).succeeded();
    JsonNode all = plan(wide, "1GiB");
    long weights = all.get("weights_bytes").longValue();
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB)); ArtifactReader reader = ArtifactReader.open(file)) {
      CatenaCommand.run("run", file, "--device", "cuda:0", "--ids", "1,2,3", "--print-ids", "--max-tokens", 1).succeeded();
      Map<String, Long> entries = new TreeMap<>();
      reader.manifest().stages().forEach(stage -> stage.weights().forEach(weight -> entries.put(weight.entry(), (weight.bytes() + 255) / 256 * 256)));
      assertEquals(entries.values().stream().mapToLong(bytes -> bytes).sum() + all.get("kv_bytes").longValue() + all.get("activation_bytes").longValue(),
          fake.mostBytes(), "what is taken when everything stays is what was planned");
    }
    Set<Long> seen = new TreeSet<>();
    for (long memory = all.get("total_bytes").longValue(); memory > 0 && seen.size() < 2; memory -= weights / 10) {
      JsonNode said = plan(wide, memory / 1024 + "KiB");
      if (!said.has("streamed_bytes_per_step")) {
        continue;
      }
      long streamed = said.get("streamed_bytes_per_step").longValue();
      if (!seen.add(streamed)) {
        continue;
      }
      try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, GIB))) {
        CommandResult run = CatenaCommand.run("run", file, "--device", "cuda:0", "--device-memory", memory / 1024 + "KiB", "--ids", "1,2,3",
            "--print-ids", "--max-tokens", 1);
        assertEquals(0, run.status(), run.err());
        // The last thing that the step's stages wait for comes before the token does.
        List<String> log = fake.log();
        String computing = log.stream().filter(line -> line.startsWith("graph launched")).findFirst().orElseThrow().replaceAll("\\D", "");
        int first = log.indexOf(log.stream().filter(line -> line.matches("stream (?!" + computing + " )\\d+ waits.*")).findFirst().orElseThrow());
        String bringing = log.get(first).split(" ")[1];
        long copied = log.subList(first, log.size()).stream().filter(line -> line.startsWith("in ") && line.endsWith(" in stream " + bringing))
            .mapToLong(line -> Long.parseLong(line.split(" ")[1])).sum();
        assertEquals(streamed, copied, 0.02 * streamed, memory + " bytes");
      }
    }
    assertEquals(2, seen.size(), "sizes that let different weights pass: " + seen);
  }

  private static JsonNode plan(Path model, String memory) throws IOException {
    return new ObjectMapper().readTree(CatenaCommand.run("plan", model, "--target", "sm_86", "--step-rows", 8, "--max-seq-len", 64, "--device-memory",
        memory, "--json").succeeded().out());
  }

  /** By the driver's copy from GPU to GPU, which it stages itself where one can't reach the other. */
  @ParameterizedTest
  @ValueSource(ints = {0, 217, 704, 711})
  void rowsGoFromOneGpuToTheNext(int noAccess) throws Exception {
    Settings settings = Settings.of(2, 86, GIB);
    try (FakeCuda fake = new FakeCuda(folder, noAccess == 0 ? settings : settings.failing("cuCtxEnablePeerAccess", 0, noAccess))) {
      run(artifact, "--device", "cuda:0,cuda:1", "--split", "3,1").succeeded();
      assertEquals(noAccess == 0 ? List.of("peer 1 reaches 0") : List.of(), fake.log("peer"));
      assertEquals(noAccess == 0 ? 0 : 1, fake.log("FAILS").size());
      assertEquals(List.of("from 0 to 1: peer " + 5 * 4 * 64, "from 0 to 1: peer " + 4 * 64, "from 0 to 1: peer " + 4 * 64),
          fake.log("from").stream().map(line -> line.replaceAll(" to \\d+ of.*", "")).toList());
      fake.assertNothingLeft();
      CommandResult wrong = run(artifact, "--device", "cuda:0,cuda:1", "--split", "3,2");
      assertEquals(2, wrong.status());
      assertTrue(lastLine(wrong).contains("4 layers"), wrong.err());
    }
  }

  /** {@code --cache-max-entry-count}: a share of what is left. */
  @Test
  void theCacheTakesItsShare() throws Exception {
    long[] taken = new long[2];
    for (int i = 0; i < 2; i++) {
      try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 86, 256L << 20))) {
        run(artifact, "--device", "cuda:0", "--cache-max-entry-count", i == 0 ? 0.8 : 0.4).succeeded();
        taken[i] = fake.mostBytes();
      }
    }
    assertTrue(taken[0] > 140L << 20 && taken[0] < 192L << 20, "80 % of some 190 MiB: " + taken[0]);
    assertTrue(taken[1] > 70L << 20 && taken[1] < 96L << 20, "40 %: " + taken[1]);
  }
}
