package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.GraphProgram;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.TensorModel;
import dev.catena.runtime.TensorSession;
import dev.catena.runtime.TensorValue;
import dev.catena.tests.command.CatenaCommand;
import dev.catena.tests.cuda.FakeCuda.Settings;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a graph of tensors asks of NVIDIA's driver, on one that pretends; what its kernels compute is {@code sim}'s business. */
class GraphOnDriverTest {
  /** Where slots begin in a frame (docs/tensor-abi.md). */
  private static final int FIRST_SLOT = 56 + 128 * 16;

  @TempDir Path folder;
  private Path artifact;

  @BeforeEach
  void compile() {
    OnnxGraphWriter graph = new OnnxGraphWriter(18);
    graph.input("x", OnnxElement.F32, "rows", 5);
    float[] weight = new float[35];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = i * 0.25f;
    }
    graph.initializer("w", OnnxContent.reals(OnnxElement.F32, weight, 5, 7));
    graph.node("MatMul", "product", List.of("x", "w"), List.of("p"));
    graph.node("Relu", "positive", List.of("p"), List.of("y"));
    graph.output("y", OnnxElement.F32, "rows", 7);
    graph.write(folder.resolve("graph.onnx"));
    artifact = folder.resolve("graph.catena");
    CatenaCommand.run("compile", folder.resolve("graph.onnx"), "-o", artifact, "--target", "sm_80,sm_86").succeeded();
  }

  private static TensorValue rows(int count) {
    ByteBuffer bytes = ByteBuffer.allocate(20 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 5 * count; i++) {
      bytes.putFloat(4 * i, i);
    }
    return new TensorValue("f32", new long[] {count, 5}, bytes);
  }

  private static byte[] bytes(TensorValue value) {
    byte[] bytes = new byte[value.data().remaining()];
    value.data().get(bytes);
    return bytes;
  }

  /** A run is one graph of the program's launches; their parameters are slots of a frame, which says where everything lies. */
  @Test
  void aRunIsAGraphOfTheProgramsLaunches() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 89, 1L << 30)); ArtifactReader reader = ArtifactReader.open(artifact)) {
      GraphProgram program = reader.graphProgram();
      try (TensorModel model = TensorModel.open(artifact, "cuda:0"); TensorSession session = model.newSession(1)) {
        session.run(Map.of("x", rows(3)));
        List<String> nodes = fake.log("node");
        assertEquals(program.launches().size(), nodes.size());
        long frame = 0;
        for (int i = 0; i < nodes.size(); i++) {
          GraphProgram.Launch launch = program.launches().get(i);
          List<String> node = List.of(nodes.get(i).split(" "));
          assertEquals(List.of("node", launch.kernel(), "after", "" + i), node.subList(0, 4));
          List<Long> pointers = node.subList(node.indexOf("shared") + 2, node.size()).stream().map(Long::valueOf).toList();
          frame = pointers.get(0);
          List<Long> expected = new ArrayList<>(List.of(frame));
          for (int slot : launch.slots()) {
            expected.add(frame + FIRST_SLOT + 8L * slot);
          }
          assertEquals(expected, pointers);
          assertEquals(launch.elements() == 1 ? "1" : "128", node.get(node.indexOf("block") + 1));
        }
        check(reader, frame, rows(3));
        session.run(Map.of("x", rows(400)));
        check(reader, frame, rows(400));
        assertEquals(2, fake.log("graph of " + nodes.size() + " on 0").size());
        assertEquals(nodes.size(), fake.log("node").size(), "the graph is made once");
      }
      assertEquals(List.of("load cubin"), fake.log("load"));
      assertEquals(List.of(), fake.log().stream().filter(line -> line.contains("BAD")).toList());
      fake.assertNothingLeft();
    }
  }

  /** Slots: 1, the weight, the input, its dimensions. */
  private static void check(ArtifactReader reader, long frame, TensorValue x) {
    ByteBuffer slots = ByteBuffer.wrap(FakeCuda.bytes(frame + FIRST_SLOT, 40)).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(1, slots.getLong(0));
    assertArrayEquals(reader.bytes(reader.graph().weights().get(0).entry()), FakeCuda.bytes(slots.getLong(8), 140));
    assertArrayEquals(bytes(x), FakeCuda.bytes(slots.getLong(16), bytes(x).length));
    assertEquals(x.dims()[0], slots.getLong(24));
    assertEquals(5, slots.getLong(32));
    ByteBuffer head = ByteBuffer.wrap(FakeCuda.bytes(frame, 56)).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(0, head.getLong(0), "no error");
    assertTrue(head.getLong(16) >= 1 << 20, "bytes of memory");
    assertEquals(0, head.getLong(40), "nothing of them is taken");
  }

  @Test
  void aLostDeviceIsSaidInALine() throws Exception {
    try (FakeCuda fake = new FakeCuda(folder, Settings.of(1, 80, 1L << 30).failing("cuGraphLaunch", 1, 700))) {
      try (TensorModel model = TensorModel.open(artifact, "cuda:0"); TensorSession session = model.newSession(1)) {
        session.run(Map.of("x", rows(2)));
        String line = assertThrows(DeviceException.class, () -> session.run(Map.of("x", rows(2)))).getMessage();
        assertEquals(1, line.lines().count(), line);
      }
    }
  }

  @Test
  void aDeviceThatIsNotThereIsOneLine() throws Exception {
    String[] inputs = {"--input", "x=" + folder.resolve("x.npy"), "--output-dir", folder.resolve("out").toString()};
    for (String device : new String[] {"cpu:0", "cuda:0", "tpu:0"}) {
      var result = CatenaCommand.run("exec", artifact, "--device", device, inputs[0], inputs[1], inputs[2], inputs[3]);
      assertEquals(2, result.status(), result.err());
      assertEquals(1, result.err().strip().lines().count(), result.err());
    }
  }
}
