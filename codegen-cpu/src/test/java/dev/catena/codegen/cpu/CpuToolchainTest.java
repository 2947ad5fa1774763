package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.catena.codegen.CodeStore;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CpuToolchainTest {
    private static final CSource ADD = new CSource("add.c", """
            #include <stdint.h>
            __attribute__((visibility("default"))) int32_t add(int32_t a, int32_t b) { return a + b; }
            """);

    @Test
    void sameSourceGivesSameBytesWithoutPaths() throws Exception {
        CpuToolchain toolchain = new CpuToolchain();
        CpuTarget target = CpuTarget.parse("cpu:x86-64-v3");
        byte[] first = toolchain.compile(List.of(ADD), target);
        assertArrayEquals(first, toolchain.compile(List.of(ADD), target));
        String text = new String(first, StandardCharsets.ISO_8859_1);
        assertTrue(text.startsWith("\177ELF"));
        assertFalse(text.contains("/tmp"), "the library holds a path of the machine that built it");
    }

    /** What decides the code decides whether it is compiled again: the text, its name, the target. */
    @Test
    void whatWasCompiledIsKept() throws Exception {
        Map<String, byte[]> files = new HashMap<>();
        CpuToolchain keeping = new CpuToolchain(new CodeStore(new CodeStore.Files() {
            @Override
            public Optional<byte[]> read(String name) {
                return Optional.ofNullable(files.get(name));
            }

            @Override
            public void write(String name, byte[] bytes) {
                files.merge(name, bytes, (before, again) -> fail("compiled twice"));
            }
        }));
        CpuTarget target = CpuTarget.parse("cpu:x86-64-v3");
        byte[] first = keeping.compile(List.of(ADD), target);
        assertArrayEquals(new CpuToolchain().compile(List.of(ADD), target), first);
        assertArrayEquals(first, keeping.compile(List.of(ADD), target));
        CSource subtract = new CSource(ADD.name(), ADD.text().replace('+', '-'));
        assertFalse(Arrays.equals(first, keeping.compile(List.of(subtract), target)));
        keeping.compile(List.of(new CSource("other.c", ADD.text())), target);
        keeping.compile(List.of(ADD), CpuTarget.parse("cpu:x86-64-v4"));
        assertEquals(4, files.size());
    }

    @Test
    void everyKnownTargetCompilesIntrinsics() throws Exception {
        CSource source = new CSource("sum.c", """
                #include <immintrin.h>
                __attribute__((visibility("default"))) void twice(float *x) {
                  _mm256_storeu_ps(x, _mm256_add_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x)));
                }
                """);
        for (CpuTarget target : CpuTarget.known()) {
            assertTrue(new CpuToolchain().compile(List.of(source, ADD), target).length > 0, target.name());
        }
    }

    @Test
    void errorsQuoteTheSource() {
        CSource broken = new CSource("broken.c", "int f(void) {\n  return undeclared_name;\n}\n");
        CompileError error = assertThrows(CompileError.class,
                () -> new CpuToolchain().compile(List.of(ADD, broken), CpuTarget.parse("cpu:x86-64-v3")));
        assertTrue(error.getMessage().contains("broken.c:2:10"), error.getMessage());
        assertTrue(error.getMessage().contains("return undeclared_name;"), error.getMessage());
    }

    @Test
    void theHostsTargetIsTheHighestItsFlagsAllow() {
        String iceLake = "flags\t\t: fpu avx2 fma f16c bmi2 avx512f avx512bw avx512dq avx512vl avx512cd avx512_vnni avx512vbmi";
        assertEquals("cpu:icelake-server", CpuTarget.highestWithin(CpuTarget.featuresOf(iceLake + "\n")).name());
        assertEquals("cpu:znver4", CpuTarget.highestWithin(CpuTarget.featuresOf(iceLake + " avx512_bf16\n")).name());
        String haswell = "processor : 0\nflags : avx2 fma f16c bmi2\nprocessor : 1\nflags : avx512f";
        assertEquals("cpu:x86-64-v3", CpuTarget.highestWithin(CpuTarget.featuresOf(haswell)).name());
        IllegalArgumentException tooOld = assertThrows(IllegalArgumentException.class,
                () -> CpuTarget.highestWithin(CpuTarget.featuresOf("flags : fma f16c bmi2")));
        assertTrue(tooOld.getMessage().contains("avx2"), tooOld.getMessage());
    }

    @Test
    void unknownTargetsAreRefusedInOneLineThatListsTheKnown() {
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> CpuTarget.parse("cpu:pentium"));
        assertFalse(error.getMessage().contains("\n"));
        CpuTarget.known().forEach(target -> assertTrue(error.getMessage().contains(target.name())));
    }
}
