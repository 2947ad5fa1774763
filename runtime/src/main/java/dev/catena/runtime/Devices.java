package dev.catena.runtime;

import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuMeasurement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The devices of this machine, and how they are named. */
public final class Devices {
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,3}");
    private static final List<DeviceProvider> PROVIDERS = findProviders();

    private Devices() {}

    /**
     * @param name        such as {@code cpu:0}
     * @param description the maker's name for it
     * @param cores       physical cores that this process may use
     * @param memoryBytes of memory in all, 0 if unknown
     * @param features    instruction sets, in LLVM's names
     */
    public record Info(String name, String description, int cores, long memoryBytes, List<String> features) {}

    private static List<DeviceProvider> findProviders() {
        List<DeviceProvider> found = new ArrayList<>();
        ServiceLoader.load(DeviceProvider.class, DeviceProvider.class.getClassLoader()).forEach(found::add);
        // The processor first: it is the default. The others in a fixed order.
        found.sort(Comparator.comparing((DeviceProvider p) -> !p.kind().equals("cpu")).thenComparing(DeviceProvider::kind));
        return List.copyOf(found);
    }

    /** What this machine has. {@code cpu:1} and so on are this same processor with memory and threads of their own. */
    public static List<Info> list() {
        return PROVIDERS.stream().flatMap(provider -> provider.list().stream()).toList();
    }

    /**
     * Measures a GPU's memory and launches.
     *
     * @param bytes of memory to read and to copy
     * @throws DeviceException when it is none, or can't be used
     */
    public static GpuMeasurement measure(String name, long bytes) {
        return gpus(name).measure(ordinal(name), bytes);
    }

    /**
     * Opens a GPU to run single kernels on it.
     *
     * @param target whose code will run, such as {@code sm_86}
     * @throws DeviceException when it is none, or can't be used
     */
    public static Gpu open(String name, String target) {
        return gpus(name).open(ordinal(name), target, Runtime.getRuntime().availableProcessors());
    }

    /** What a GPU is reached through. @throws DeviceException when it is none, or can't be used */
    public static GpuDriver gpus(String name) {
        String canonical = canonical(name);
        GpuDriver gpus = provider(canonical).gpus(canonical);
        if (gpus == null) {
            throw new DeviceException(canonical + " is no GPU");
        }
        return gpus;
    }

    private static int ordinal(String name) {
        String canonical = canonical(name);
        return Integer.parseInt(canonical.substring(canonical.indexOf(':') + 1));
    }

    /** This machine's processor, without a look at other devices. */
    public static Info processor() {
        return PROVIDERS.get(0).list().get(0);
    }

    /** What a user should know of a device that was named, in one line, or null. @throws DeviceException for an unknown device */
    public static String note(String name) {
        return provider(canonical(name)).note();
    }

    /** Devices that can't be used here: why, and what to do, a line each. */
    public static List<String> problems() {
        return PROVIDERS.stream().flatMap(provider -> provider.problems().stream()).toList();
    }

    static List<DeviceProvider> providers() {
        return PROVIDERS;
    }

    /** The provider of a device with this full name. */
    static DeviceProvider provider(String canonical) {
        String kind = kind(canonical);
        return PROVIDERS.stream().filter(provider -> provider.kind().equals(kind)).findFirst().orElseThrow();
    }

    /** What stands before the colon. */
    static String kind(String canonical) {
        return canonical.substring(0, canonical.indexOf(':'));
    }

    /** The full name that {@code given} means: {@code cpu} is {@code cpu:0}. @throws DeviceException for an unknown device */
    static String canonical(String given) {
        int colon = given.indexOf(':');
        String kind = colon < 0 ? given : given.substring(0, colon);
        String number = colon < 0 ? "0" : given.substring(colon + 1);
        if (PROVIDERS.stream().noneMatch(provider -> provider.kind().equals(kind)) || !NUMBER.matcher(number).matches()) {
            throw new DeviceException("unknown device '" + given + "'; this machine has "
                    + list().stream().map(Info::name).collect(Collectors.joining(", ")) + " (cpu:1 and so on are the same "
                    + "processor with memory and threads of their own)");
        }
        return kind + ":" + Integer.parseInt(number);
    }
}
