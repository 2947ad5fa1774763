package dev.catena.runtime.cpu;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** How many cores there are, and what the processor is called. */
public final class CpuTopology {
    private static final Path CPUS = Path.of("/sys/devices/system/cpu");

    private CpuTopology() {}

    /** Physical cores that this process may use, at least 1: siblings of hyper-threading count once. */
    public static int physicalCores() {
        int usable = Runtime.getRuntime().availableProcessors();
        Set<String> cores = new HashSet<>();
        try (DirectoryStream<Path> cpus = Files.newDirectoryStream(CPUS, "cpu[0-9]*")) {
            for (Path cpu : cpus) {
                Path siblings = cpu.resolve("topology/thread_siblings_list");
                if (Files.isReadable(siblings)) {
                    cores.add(Files.readString(siblings).strip());
                }
            }
        } catch (IOException | RuntimeException e) {
            return usable;
        }
        return cores.isEmpty() ? usable : Math.min(usable, cores.size());
    }

    /** The processor's name as the system gives it, or "unknown processor". */
    public static String processorName() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.startsWith("model name")) {
                    return line.substring(line.indexOf(':') + 1).strip();
                }
            }
        } catch (IOException | RuntimeException e) {
            // Only a name.
        }
        return "unknown processor";
    }

    /** Bytes of memory in this machine, or 0 if the system doesn't say. */
    public static long memoryBytes() {
        return meminfo("MemTotal:");
    }

    /** Bytes of memory that could be had without swapping, or 0 if the system doesn't say. */
    public static long availableBytes() {
        return meminfo("MemAvailable:");
    }

    private static long meminfo(String field) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
                if (line.startsWith(field)) {
                    return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
                }
            }
        } catch (IOException | RuntimeException e) {
            // As documented.
        }
        return 0;
    }
}
