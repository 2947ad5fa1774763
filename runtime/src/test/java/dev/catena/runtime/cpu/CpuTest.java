package dev.catena.runtime.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.UnsupportedPlatformException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class CpuTest {
    @Test
    void structsAreLaidOutAsInC() {
        NativeStub.load();
        ByteBuffer out = ByteBuffer.allocateDirect(7 * 4).order(ByteOrder.nativeOrder());
        Native.layout(out);
        int[] layout = new int[7];
        out.asIntBuffer().get(layout);
        assertEquals(List.of(StageStructs.STEP_BYTES, StageStructs.STEP_TOKENS, StageStructs.STEP_SELECTED_ROWS,
                StageStructs.STAGE_BYTES, StageStructs.STAGE_SCRATCH_STRIDE, StageStructs.STAGE_OUTPUT,
                StageStructs.CALL_BYTES), java.util.Arrays.stream(layout).boxed().toList());
    }

    @Test
    void featuresAreThoseTheKernelSees() throws IOException {
        Map<String, String> kernelNames = Map.of("sse3", "pni", "pclmul", "pclmulqdq", "sse4.1", "sse4_1", "sse4.2", "sse4_2",
                "lzcnt", "abm", "bmi", "bmi1");
        String flags = Files.readAllLines(Path.of("/proc/cpuinfo")).stream().filter(line -> line.startsWith("flags")).findFirst()
                .orElseThrow();
        Set<String> kernel = new TreeSet<>();
        for (String flag : flags.substring(flags.indexOf(':') + 1).trim().split(" +")) {
            kernel.add(flag.replace("_", ""));   // the kernel's spelling has underscores in some
        }
        CpuFeatures features = CpuFeatures.ofThisMachine();
        for (String name : List.of("sse3", "ssse3", "pclmul", "fma", "cx16", "sse4.1", "sse4.2", "movbe", "popcnt", "aes", "avx",
                "f16c", "lzcnt", "bmi", "avx2", "bmi2", "avx512f", "avx512dq", "avx512ifma", "avx512cd", "avx512bw", "avx512vl",
                "avx512vbmi", "avx512vbmi2", "gfni", "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg", "avx512vpopcntdq",
                "avx512fp16", "avxvnni", "avx512bf16", "amx-bf16", "amx-tile", "amx-int8")) {
            String kernelName = kernelNames.getOrDefault(name, name).replaceAll("[_-]", "");
            assertEquals(kernel.contains(kernelName), features.has(name), name);
        }
        assertEquals(List.of("avx4096"), features.missing(List.of("sse3", "avx4096")));
    }

    @Test
    void otherPlatformsAreRefused() {
        assertNull(NativeStub.refusal("Linux", "amd64", "/usr/lib/x86_64-linux-gnu/libc.so.6"));
        assertTrue(NativeStub.refusal("Mac OS X", "aarch64", "").startsWith("Mac OS X is not supported"));
        assertTrue(NativeStub.refusal("Windows 11", "amd64", "").startsWith("Windows 11 is not supported"));
        assertTrue(NativeStub.refusal("Linux", "aarch64", "").contains("architecture aarch64 is not supported"));
        assertTrue(NativeStub.refusal("Linux", "amd64", "7f /lib/ld-musl-x86_64.so.1\n").contains("musl is not supported"));
    }

    @Test
    void memoryStartsAsZerosAndRefusesWhatCannotBe() {
        try (NativeMemory memory = new NativeMemory("a test", 10_000)) {
            assertEquals(0, memory.address() % 64);
            ByteBuffer view = memory.view(0, 10_000);
            for (int i = 0; i < 10_000; i++) {
                assertEquals(0, view.get(i));
            }
            view.putInt(9996, 7);
            assertEquals(7, memory.view(9996, 4).getInt(0));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.view(9997, 4));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.view(-1, 4));
            memory.close();
            assertThrows(IllegalStateException.class, memory::address);
        }
        assertThrows(DeviceException.class, () -> new NativeMemory("a test", 1L << 60));
    }

    @Test
    void whatIsNoLibraryIsRefusedInOneLine() {
        UnsupportedPlatformException e = assertThrows(UnsupportedPlatformException.class, () -> new CodeLibrary(new byte[100]));
        assertFalse(e.getMessage().contains("\n"));
        assertTrue(e.getMessage().startsWith("the artifact's code cannot be loaded"), e.getMessage());
    }

    @Test
    void librariesAreForgottenWhenClosed() throws IOException {
        byte[] bytes;
        try (var in = CpuTest.class.getResourceAsStream("/toy_stages.so")) {
            assertNotNull(in);
            bytes = in.readAllBytes();
        }
        long descriptors = count("/proc/self/fd");
        for (int i = 0; i < 50; i++) {
            CodeLibrary first = new CodeLibrary(bytes);
            CodeLibrary second = new CodeLibrary(bytes);
            assertTrue(first.symbol("toy_head") != second.symbol("toy_head"), "two libraries, not one twice");
            assertEquals(0, first.symbol("no_such_symbol"));
            first.close();
            assertTrue(second.symbol("toy_head") != 0);
            second.close();
            assertThrows(IllegalStateException.class, () -> second.symbol("toy_head"));
        }
        assertTrue(count("/proc/self/fd") <= descriptors + 2);
    }

    private static long count(String folder) throws IOException {
        try (var files = Files.list(Path.of(folder))) {
            return files.count();
        }
    }

    @Test
    void readBandwidthIsMeasured() {
        double bytesPerSecond = ReadBandwidth.measure(2, 64L << 20, 3);
        assertTrue(bytesPerSecond > 1e8 && bytesPerSecond < 1e13, "" + bytesPerSecond);
        assertThrows(IllegalArgumentException.class, () -> ReadBandwidth.measure(2, 100, 1));
    }

    @Test
    void thereIsACore() {
        assertTrue(CpuTopology.physicalCores() >= 1);
        assertTrue(CpuTopology.physicalCores() <= Runtime.getRuntime().availableProcessors());
        assertTrue(CpuTopology.memoryBytes() > CpuTopology.availableBytes());
    }
}
