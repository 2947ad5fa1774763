package dev.catena.tests.borders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Maven puts onto a module's classpath: the runtime's holds no compiler, the IR's nothing but the parser of its text. */
class ClasspathTest {
  private static final Pattern COMPILERS =
      Pattern.compile("protobuf|antlr|nvrtc|cuda|llvm|clang|javacpp|bytedeco|onnx|picocli", Pattern.CASE_INSENSITIVE);

  private final DependencyTree tree = DependencyTree.read();

  @Test
  void theRuntimeBringsNoCompiler() {
    Set<String> all = tree.all("dev.catena:catena-runtime");
    assertTrue(all.contains("ai.djl.huggingface:tokenizers"), all.toString());
    assertEquals(Set.of(), all.stream().filter(a -> COMPILERS.matcher(a).find()).collect(Collectors.toSet()));
  }

  @Test
  void thePatternFindsTheCompilerWhereThereIsOne() {
    assertTrue(tree.all("dev.catena:catena-tools").stream().anyMatch(a -> COMPILERS.matcher(a).find()));
  }

  @Test
  void theIrBringsTheParserOfItsTextAndNothingElse() {
    assertEquals(Set.of("org.antlr:antlr4-runtime"), tree.all("dev.catena:catena-ir"));
  }

  @ParameterizedTest
  @CsvSource({"ir,''", "frontend-onnx,ir", "passes,ir", "codegen,ir", "codegen-cpu,codegen", "codegen-cuda,codegen", "artifact,''",
      "runtime,artifact", "sim,runtime"})
  void aModuleDependsOnThoseOfTheDesign(String module, String on) {
    Set<String> ours = tree.direct("dev.catena:catena-" + module).stream().filter(a -> a.startsWith("dev.catena:"))
        .collect(Collectors.toSet());
    assertEquals(on.isEmpty() ? Set.of() : Set.of("dev.catena:catena-" + on), ours);
  }
}
