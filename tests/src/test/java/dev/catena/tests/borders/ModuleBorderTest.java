package dev.catena.tests.borders;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The design's table of who may import whom, over bytecode. */
class ModuleBorderTest {
  private static final JavaClasses CLASSES = new ClassFileImporter()
      .withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("dev.catena");

  /** A module, its packages, and the modules that it may import. */
  enum Module {
    IR("dev.catena.ir"),
    FRONTEND_ONNX("dev.catena.frontend.onnx", IR),
    PASSES("dev.catena.passes", IR),
    CODEGEN("dev.catena.codegen", IR),
    CODEGEN_CPU("dev.catena.codegen.cpu", CODEGEN),
    CODEGEN_CUDA("dev.catena.codegen.cuda", CODEGEN),
    ARTIFACT("dev.catena.artifact"),
    RUNTIME("dev.catena.runtime", ARTIFACT),
    // The runtime's Device speaks of the artifact's stages.
    SIM("dev.catena.sim", RUNTIME, ARTIFACT),
    TOOLS("dev.catena.tools", IR, FRONTEND_ONNX, PASSES, CODEGEN, CODEGEN_CPU, CODEGEN_CUDA, ARTIFACT, RUNTIME, SIM);

    private final String root;
    private final Set<Module> mayImport;

    Module(String root, Module... mayImport) {
      this.root = root;
      this.mayImport = Set.of(mayImport);
    }

    /** The module of a package is the one with the longest matching root. */
    static Module of(JavaClass c) {
      return Stream.of(values()).filter(m -> (c.getPackageName() + ".").startsWith(m.root + "."))
          .max((a, b) -> a.root.length() - b.root.length()).orElse(null);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aModuleImportsOnlyWhatTheDesignAllows(Module module) {
    assertTrue(CLASSES.stream().anyMatch(c -> Module.of(c) == module), "no class of " + module.root + " was found");
    noClasses().that(DescribedPredicate.describe("of " + module, c -> Module.of(c) == module))
        .should().dependOnClassesThat(DescribedPredicate.describe("of a module it may not import", c -> {
          Module other = Module.of(c);
          return other != null && other != module && !module.mayImport.contains(other);
        })).check(CLASSES);
  }

  @Test
  void everyClassBelongsToAModule() {
    List<String> strays = CLASSES.stream().filter(c -> !c.getPackageName().startsWith("dev.catena.tests"))
        .filter(c -> Module.of(c) == null).map(JavaClass::getName).toList();
    assertTrue(strays.isEmpty(), strays.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"com.google.protobuf", "org.antlr", "org.bytedeco", "ai.onnxruntime", "picocli"})
  void neitherTheArtifactNorTheRuntimeKnows(String library) {
    noClasses().that(DescribedPredicate.describe("of artifact or runtime",
        c -> Set.of(Module.ARTIFACT, Module.RUNTIME).contains(Module.of(c))))
        .should().dependOnClassesThat().resideInAPackage(library + "..").check(CLASSES);
  }

  @Test
  void theIrUsesTheJdkAndItsReaderTheParserGenerator() {
    noClasses().that(DescribedPredicate.describe("of ir", c -> Module.of(c) == Module.IR)).should()
        .dependOnClassesThat().resideOutsideOfPackages("java..", "sun.misc..", "org.antlr.v4.runtime..", "dev.catena.ir..")
        .check(CLASSES);
    noClasses().that(DescribedPredicate.describe("of ir, outside the reader of its text",
        c -> Module.of(c) == Module.IR && !c.getPackageName().equals("dev.catena.ir.text"))).should()
        .dependOnClassesThat().resideInAPackage("org.antlr..").check(CLASSES);
  }
}
