package dev.catena.tests.borders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.cuda.CudaProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The structs that generated code and the runtime's stub share are written down three times: on their page, in what the
 * generator puts before its code, and in the stub. All three must be one layout, member by member.
 */
class CallingConventionTest {
  private static final Path PAGE = Path.of("../docs/cpu-abi.md");
  private static final Path GENERATOR = Path.of("../codegen-cpu/src/main/resources/dev/catena/codegen/cpu/abi.c");
  /** A type, then the first member with its stars. */
  private static final Pattern DECLARATOR = Pattern.compile("(.*?) (\\**\\w+)");
  private static final Path STUB = Path.of("../runtime/src/main/native/catena_stub.c");

  @ParameterizedTest
  @ValueSource(strings = {"catena_step", "catena_stage", "catena_thread"})
  void theStructIsTheSameOnBothSides(String struct) throws IOException {
    List<String> page = members(PAGE, struct);
    assertTrue(page.size() >= 4, page.toString());
    assertEquals(page, members(GENERATOR, struct));
    assertEquals(page, members(STUB, struct));
  }

  /** What a GPU's kernels and those who launch them have to agree on, in the compiler, in the manifest's rules, and on its page. */
  @Test
  void sizesOfAGpusArgumentsAreTheSameOnBothSides() throws IOException {
    assertEquals(KernelProgram.COUNTERS, CudaProgram.COUNTERS);
    assertEquals(Manifest.Kv.PAGE_POSITIONS, KvFormat.PAGE);
    String page = Files.readString(Path.of("../docs/cuda-abi.md"));
    assertTrue(page.contains("| `counters` | int32 [" + KernelProgram.COUNTERS + "]"), "counters on the page");
    assertTrue(page.contains("| `sampling` | a structure of " + KernelProgram.SAMPLING_BYTES + " bytes"), "sampling on the page");
  }

  /** One entry {@code type name} for each member, in order. */
  private static List<String> members(Path file, String struct) throws IOException {
    String text = Files.readString(file).replaceAll("(?s)/\\*.*?\\*/", "");
    Matcher m = Pattern.compile("typedef struct \\{([^{}]*)\\}\\s*" + struct + "\\s*;").matcher(text);
    assertTrue(m.find(), file + " has no struct " + struct);
    List<String> members = new ArrayList<>();
    for (String declaration : m.group(1).split(";")) {
      String d = declaration.replaceAll("\\s+", " ").strip();
      if (d.contains("(")) {
        members.add(d); // a function pointer
      } else if (!d.isEmpty()) {
        String[] declarators = d.split(" ?, ?");
        Matcher first = DECLARATOR.matcher(declarators[0]);
        assertTrue(first.matches(), d);
        members.add(first.group(1) + " " + first.group(2));
        for (int i = 1; i < declarators.length; i++) {
          members.add(first.group(1) + " " + declarators[i]);
        }
      }
    }
    return members;
  }
}
