package dev.catena.codegen.cuda;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one kernel needs of a GPU.
 *
 * @param registers of a thread
 * @param sharedBytes of a block, static
 * @param spillBytes stores to and loads from local memory because registers ran out
 */
public record KernelFacts(String name, int registers, int sharedBytes, int spillBytes) {
    private static final Pattern KERNEL = Pattern.compile("Compiling entry function '(\\w+)'");
    private static final Pattern SPILLS = Pattern.compile("(\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern REGISTERS = Pattern.compile("Used (\\d+) registers");
    private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

    /** Reads what ptxas says with {@code -v}: for each kernel a line with its name, then one with spills, then one with the rest. */
    static Map<String, KernelFacts> of(String log) {
        Map<String, KernelFacts> facts = new LinkedHashMap<>();
        String kernel = null;
        int spills = 0;
        for (String line : log.split("\n")) {
            Matcher name = KERNEL.matcher(line);
            if (name.find()) {
                kernel = name.group(1);
                spills = 0;
            }
            Matcher spilled = SPILLS.matcher(line);
            if (spilled.find()) {
                spills = Integer.parseInt(spilled.group(1)) + Integer.parseInt(spilled.group(2));
            }
            Matcher registers = REGISTERS.matcher(line);
            if (kernel != null && registers.find()) {
                Matcher shared = SHARED.matcher(line);
                facts.put(kernel, new KernelFacts(kernel, Integer.parseInt(registers.group(1)),
                        shared.find() ? Integer.parseInt(shared.group(1)) : 0, spills));
            }
        }
        return facts;
    }
}
