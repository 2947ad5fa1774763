package dev.catena.codegen.cpu;

import dev.catena.codegen.Target;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A CPU that code can be generated for: exactly the instruction sets in {@code features} and the base of x86-64.
 *
 * @param name the target's name as it stands in a manifest, such as {@code cpu:x86-64-v3}
 * @param features instruction sets the code uses and the runtime must find, named as LLVM names them
 *     ({@code avx512vnni}, {@code amx-tile}); see {@link #featuresOf} for how {@code /proc/cpuinfo} spells them
 * @param tuning the CPU whose timings clang schedules for; it adds no instructions
 * @param emulatesTiles whether code that AMX is for is compiled to plain C in its place, for tests on machines without it
 */
public record CpuTarget(String name, List<String> features, String tuning, boolean emulatesTiles) implements Target {
    private static final List<String> V3 = List.of("avx2", "fma", "f16c", "bmi2");
    private static final List<String> V4 =
            with(V3, "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd");
    private static final List<String> ICELAKE = with(V4, "avx512vnni", "avx512vbmi");
    private static final List<String> ZEN_4 = with(ICELAKE, "avx512bf16");
    private static final List<String> SAPPHIRE_RAPIDS = with(ZEN_4, "amx-tile", "amx-int8", "amx-bf16");

    /** The known targets, each with all the features of those before it. */
    private static final List<CpuTarget> KNOWN = List.of(
            new CpuTarget("cpu:x86-64-v3", V3, "haswell", false),
            new CpuTarget("cpu:x86-64-v4", V4, "skylake-avx512", false),
            new CpuTarget("cpu:icelake-server", ICELAKE, "icelake-server", false),
            new CpuTarget("cpu:znver4", ZEN_4, "icelake-server", false),
            new CpuTarget("cpu:sapphirerapids", SAPPHIRE_RAPIDS, "sapphirerapids", false));

    public CpuTarget {
        features = List.copyOf(features);
    }

    /**
     * The target that {@code text} names: {@code cpu} (this machine) or one of {@link #known()}.
     *
     * @throws IllegalArgumentException in one line, if there is no such target or this machine is below all of them
     */
    public static CpuTarget parse(String text) {
        if (text.equals("cpu")) {
            return host();
        }
        for (CpuTarget target : KNOWN) {
            if (target.name.equals(text)) {
                return target;
            }
        }
        throw new IllegalArgumentException("unknown target '" + text + "'; known are cpu (this machine), "
                + String.join(", ", KNOWN.stream().map(CpuTarget::name).toList()));
    }

    /** The named targets, from the one with the fewest features to the one with the most. */
    public static List<CpuTarget> known() {
        return KNOWN;
    }

    /** The highest known target that this machine can run. */
    public static CpuTarget host() {
        try {
            return highestWithin(featuresOf(Files.readString(Path.of("/proc/cpuinfo"))));
        } catch (IOException e) {
            throw new IllegalArgumentException("can't tell what this CPU supports (" + e.getMessage()
                    + "); name a target, such as " + KNOWN.get(0).name);
        }
    }

    /** The highest known target that needs only the given features. */
    static CpuTarget highestWithin(Set<String> available) {
        CpuTarget best = null;
        for (CpuTarget target : KNOWN) {
            if (available.containsAll(target.features)) {
                best = target;
            }
        }
        if (best == null) {
            List<String> missing = V3.stream().filter(feature -> !available.contains(feature)).toList();
            throw new IllegalArgumentException("this CPU lacks " + String.join(", ", missing)
                    + "; Catena needs at least x86-64-v3 (AVX2, FMA, F16C, BMI2)");
        }
        return best;
    }

    /** The features that a {@code /proc/cpuinfo} lists for its first CPU, in LLVM's spelling. */
    static Set<String> featuresOf(String cpuinfo) {
        Set<String> features = new TreeSet<>();
        for (String line : cpuinfo.split("\n")) {
            if (line.startsWith("flags")) {
                for (String flag : line.substring(line.indexOf(':') + 1).trim().split(" +")) {
                    features.add(flag.startsWith("amx_") ? flag.replace('_', '-') : flag.replace("avx512_", "avx512"));
                }
                break;
            }
        }
        return features;
    }

    /** Whether code for this target may use {@code feature}. */
    public boolean has(String feature) {
        return features.contains(feature);
    }

    /** Whether whole numbers are multiplied by AMX's tiles. */
    boolean hasTiles() {
        return has("amx-int8") || emulatesTiles;
    }

    /** Whether bf16 is. */
    boolean hasBf16Tiles() {
        return has("amx-bf16") || emulatesTiles;
    }

    /** The f32 lanes of a vector register: 8 or 16. */
    public int lanes() {
        return has("avx512f") ? 16 : 8;
    }

    /** The options by which clang generates code for this target. */
    List<String> clangOptions() {
        List<String> options = new ArrayList<>();
        options.add("-march=x86-64");
        features.forEach(feature -> options.add("-m" + feature));
        options.add("-mtune=" + tuning);
        if (lanes() == 16) {
            options.add("-mprefer-vector-width=512"); // clang prefers 256 bits when it tunes for servers
        }
        if (emulatesTiles) {
            options.add("-DEMULATED_TILES");
        }
        return options;
    }

    private static List<String> with(List<String> base, String... more) {
        List<String> all = new ArrayList<>(base);
        all.addAll(List.of(more));
        return List.copyOf(all);
    }
}
