package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.cpu.CpuProvider;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuMeasurement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The devices of this machine, and how they are named. */
public final class Devices {
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,3}");
    /** The processor is the default, and always there. */
    private static final DeviceProvider PROCESSOR = new CpuProvider();

    private Devices() {}

    /**
     * @param name        such as {@code cpu:0}
     * @param description the maker's name for it
     * @param cores       physical cores that this process may use
     * @param memoryBytes of memory in all, 0 if unknown
     * @param features    instruction sets, in LLVM's names
     */
    public record Info(String name, String description, int cores, long memoryBytes, List<String> features) {}

    /** Apart, so that nobody who runs a model on the processor waits for them: Java opens every jar to find them. */
    private static final class Others {
        private static final List<DeviceProvider> FOUND = find();

        private static List<DeviceProvider> find() {
            List<DeviceProvider> found = new ArrayList<>();
            ServiceLoader.load(DeviceProvider.class, DeviceProvider.class.getClassLoader()).forEach(found::add);
            found.sort(Comparator.comparing(DeviceProvider::kind));
            return List.copyOf(found);
        }
    }

    private static Stream<DeviceProvider> providers() {
        return Stream.concat(Stream.of(PROCESSOR), Others.FOUND.stream());
    }

    /** Who runs the model by default: the processor if it can, else the first that can, else the processor, which says what is missing. */
    static DeviceProvider defaultProvider(Manifest manifest) {
        return PROCESSOR.runs(manifest) ? PROCESSOR
                : Others.FOUND.stream().filter(provider -> provider.runs(manifest)).findFirst().orElse(PROCESSOR);
    }

    /** What this machine has. {@code cpu:1} and so on are this same processor with memory and threads of their own. */
    public static List<Info> list() {
        return providers().flatMap(provider -> provider.list().stream()).toList();
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
        return PROCESSOR.list().get(0);
    }

    /** What a user should know of a device that was named, in one line, or null. @throws DeviceException for an unknown device */
    public static String note(String name) {
        return provider(canonical(name)).note();
    }

    /** Devices that can't be used here: why, and what to do, a line each. */
    public static List<String> problems() {
        return providers().flatMap(provider -> provider.problems().stream()).toList();
    }

    /** The provider of a device with this full name. */
    static DeviceProvider provider(String canonical) {
        return find(kind(canonical)).orElseThrow();
    }

    private static Optional<DeviceProvider> find(String kind) {
        return kind.equals(PROCESSOR.kind()) ? Optional.of(PROCESSOR)
                : Others.FOUND.stream().filter(provider -> provider.kind().equals(kind)).findFirst();
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
        if (find(kind).isEmpty() || !NUMBER.matcher(number).matches()) {
            throw new DeviceException("unknown device '" + given + "'; this machine has "
                    + list().stream().map(Info::name).collect(Collectors.joining(", ")) + " (cpu:1 and so on are the same "
                    + "processor with memory and threads of their own)");
        }
        return kind + ":" + Integer.parseInt(number);
    }
}
