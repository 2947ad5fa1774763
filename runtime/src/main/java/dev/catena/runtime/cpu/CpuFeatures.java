package dev.catena.runtime.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Instruction sets that this CPU has and this system lets a process use, in LLVM's names. */
public final class CpuFeatures {
    private static final int EBX = 1;
    private static final int ECX = 2;
    private static final int EDX = 3;
    private static final int EXTENDED = 0x80000001;

    // Register states that the system must save: SSE + AVX; with masks and upper halves; with tiles.
    private static final long NONE = 0;
    private static final long AVX_STATE = 0x6;
    private static final long AVX512_STATE = 0xe6;
    private static final long AMX_STATE = 0x60000;

    private record Feature(String name, int leaf, int subleaf, int register, int bit, long states) {}

    private static final List<Feature> KNOWN = List.of(
            new Feature("sse3", 1, 0, ECX, 0, NONE), new Feature("pclmul", 1, 0, ECX, 1, NONE),
            new Feature("ssse3", 1, 0, ECX, 9, NONE), new Feature("fma", 1, 0, ECX, 12, AVX_STATE),
            new Feature("cx16", 1, 0, ECX, 13, NONE), new Feature("sse4.1", 1, 0, ECX, 19, NONE),
            new Feature("sse4.2", 1, 0, ECX, 20, NONE), new Feature("movbe", 1, 0, ECX, 22, NONE),
            new Feature("popcnt", 1, 0, ECX, 23, NONE), new Feature("aes", 1, 0, ECX, 25, NONE),
            new Feature("avx", 1, 0, ECX, 28, AVX_STATE), new Feature("f16c", 1, 0, ECX, 29, AVX_STATE),
            new Feature("lzcnt", EXTENDED, 0, ECX, 5, NONE),
            new Feature("bmi", 7, 0, EBX, 3, NONE), new Feature("avx2", 7, 0, EBX, 5, AVX_STATE),
            new Feature("bmi2", 7, 0, EBX, 8, NONE), new Feature("avx512f", 7, 0, EBX, 16, AVX512_STATE),
            new Feature("avx512dq", 7, 0, EBX, 17, AVX512_STATE), new Feature("avx512ifma", 7, 0, EBX, 21, AVX512_STATE),
            new Feature("avx512cd", 7, 0, EBX, 28, AVX512_STATE), new Feature("avx512bw", 7, 0, EBX, 30, AVX512_STATE),
            new Feature("avx512vl", 7, 0, EBX, 31, AVX512_STATE), new Feature("avx512vbmi", 7, 0, ECX, 1, AVX512_STATE),
            new Feature("avx512vbmi2", 7, 0, ECX, 6, AVX512_STATE), new Feature("gfni", 7, 0, ECX, 8, NONE),
            new Feature("vaes", 7, 0, ECX, 9, AVX_STATE), new Feature("vpclmulqdq", 7, 0, ECX, 10, AVX_STATE),
            new Feature("avx512vnni", 7, 0, ECX, 11, AVX512_STATE),
            new Feature("avx512bitalg", 7, 0, ECX, 12, AVX512_STATE),
            new Feature("avx512vpopcntdq", 7, 0, ECX, 14, AVX512_STATE),
            new Feature("amx-bf16", 7, 0, EDX, 22, AMX_STATE), new Feature("avx512fp16", 7, 0, EDX, 23, AVX512_STATE),
            new Feature("amx-tile", 7, 0, EDX, 24, AMX_STATE), new Feature("amx-int8", 7, 0, EDX, 25, AMX_STATE),
            new Feature("avxvnni", 7, 1, 0, 4, AVX_STATE), new Feature("avx512bf16", 7, 1, 0, 5, AVX512_STATE),
            new Feature("amx-fp16", 7, 1, 0, 21, AMX_STATE));

    private static CpuFeatures ofThisMachine;

    private final Set<String> names;

    CpuFeatures(Collection<String> names) {
        this.names = Set.copyOf(names);
    }

    /**
     * What this machine has; where it has AMX, the process gets leave to use it.
     *
     * @throws dev.catena.runtime.UnsupportedPlatformException where Catena doesn't run
     */
    public static synchronized CpuFeatures ofThisMachine() {
        if (ofThisMachine == null) {
            NativeStub.load();
            Set<String> found = new TreeSet<>();
            Cpuid cpuid = new Cpuid();
            for (Feature feature : KNOWN) {
                if (has(cpuid, feature)) {
                    found.add(feature.name);
                }
            }
            if (found.contains("amx-tile") && Native.requestAmx() != 0) {
                found.removeIf(name -> name.startsWith("amx-"));
            }
            ofThisMachine = new CpuFeatures(found);
        }
        return ofThisMachine;
    }

    /** Names in alphabetical order. */
    public Set<String> names() {
        return new TreeSet<>(names);
    }

    public boolean has(String name) {
        return names.contains(name);
    }

    /** Those of {@code needed} that this machine lacks; one that this version has never heard of counts as lacking. */
    public List<String> missing(Collection<String> needed) {
        List<String> missing = new ArrayList<>(needed);
        missing.removeAll(names);
        return missing;
    }

    private static boolean has(Cpuid cpuid, Feature feature) {
        if (Integer.compareUnsigned(cpuid.of(feature.leaf & 0x80000000, 0)[0], feature.leaf) < 0
                || feature.subleaf > 0 && cpuid.of(feature.leaf, 0)[0] < feature.subleaf
                || (cpuid.of(feature.leaf, feature.subleaf)[feature.register] >>> feature.bit & 1) == 0) {
            return false;
        }
        return feature.states == NONE || savesStates(cpuid, feature.states);
    }

    private static boolean savesStates(Cpuid cpuid, long states) {
        boolean osxsave = (cpuid.of(1, 0)[ECX] >>> 27 & 1) == 1;
        return osxsave && (Native.xgetbv() & states) == states;
    }

    /** What the CPU says of itself. Each answer is asked for once: in a virtual machine it can take as long as reading a file. */
    private static final class Cpuid {
        private final ByteBuffer out = ByteBuffer.allocateDirect(16).order(ByteOrder.LITTLE_ENDIAN);
        private final Map<Long, int[]> answers = new HashMap<>();

        int[] of(int leaf, int subleaf) {
            long key = (long) leaf << 32 | subleaf;
            int[] registers = answers.get(key);
            if (registers == null) {
                Native.cpuid(leaf, subleaf, out);
                registers = new int[4];
                out.asIntBuffer().get(registers);
                answers.put(key, registers);
            }
            return registers;
        }
    }
}
