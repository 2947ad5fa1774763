package dev.catena.runtime;

import dev.catena.runtime.cpu.CpuFeatures;
import dev.catena.runtime.cpu.CpuTopology;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The devices of this machine, and how they are named. */
public final class Devices {
    private static final Pattern CPU = Pattern.compile("cpu:[0-9]{1,3}");

    private Devices() {}

    /**
     * @param name        such as {@code cpu:0}
     * @param description the maker's name for it
     * @param cores       physical cores that this process may use
     * @param memoryBytes of memory in all, 0 if unknown
     * @param features    instruction sets, in LLVM's names
     */
    public record Info(String name, String description, int cores, long memoryBytes, List<String> features) {}

    /** What this machine has. {@code cpu:1} and so on are this same processor with memory and threads of their own. */
    public static List<Info> list() {
        return List.of(new Info("cpu:0", CpuTopology.processorName(), CpuTopology.physicalCores(),
                CpuTopology.memoryBytes(), new ArrayList<>(CpuFeatures.ofThisMachine().names())));
    }

    /** The full name that {@code given} means: {@code cpu} is {@code cpu:0}. @throws DeviceException for an unknown device */
    static String canonical(String given) {
        String name = given.equals("cpu") ? "cpu:0" : given;
        if (!CPU.matcher(name).matches()) {
            throw new DeviceException("unknown device '" + given + "'; this machine has cpu:0 (cpu:1 and so on are the same "
                    + "processor with memory and threads of their own)");
        }
        return "cpu:" + Integer.parseInt(name.substring(4));
    }
}
