package dev.catena.artifact;

import java.util.List;

/**
 * What a GPU launches for a graph of tensors (docs/tensor-abi.md): {@code launches.json} of an artifact that has GPU targets,
 * the same for all of them.
 *
 * @param slots    of a run's frame
 * @param launches in order; each begins when the one before has ended
 * @param loops    of launches that run again; of nested ones the inner comes first
 */
public record GraphProgram(int slots, List<Launch> launches, List<Loop> loops) {
    /** The entry's name. */
    public static final String ENTRY = "launches.json";

    private static final int MOST_SLOTS = 1 << 24;
    /** CUDA's limit of 4 KiB of parameters. */
    private static final int MOST_PARAMETERS = 512;

    public GraphProgram {
        launches = List.copyOf(launches);
        loops = List.copyOf(loops);
        for (Loop loop : loops) {
            if (loop.from() < 0 || loop.to() < loop.from() || loop.to() >= launches.size() || loop.slot() < 0 || loop.slot() >= slots) {
                throw new IllegalArgumentException("a loop of launches " + loop.from() + " to " + loop.to() + " by slot " + loop.slot());
            }
        }
        if (slots < 1 || slots > MOST_SLOTS) {
            throw new IllegalArgumentException("a graph's program has " + slots + " slots");
        }
        for (Launch launch : launches) {
            for (int slot : launch.slots()) {
                if (slot < 0 || slot >= slots) {
                    throw new IllegalArgumentException("kernel " + launch.kernel() + " is given slot " + slot + " of " + slots);
                }
            }
        }
    }

    /** Launches {@code from} to {@code to}, both included, run again as long as the slot and slot 0 aren't 0 behind the last of them. */
    public record Loop(int from, int to, int slot) {}

    /**
     * @param kernel   its name in the target's module
     * @param elements that it computes, one for each thread; 0 = known only when it runs; 1 = one thread
     * @param slots    whose addresses are its parameters, after the frame's
     */
    public record Launch(String kernel, long elements, List<Integer> slots) {
        public Launch {
            KernelProgram.requireKernelName(kernel);
            slots = List.copyOf(slots);
            if (elements < 0) {
                throw new IllegalArgumentException("kernel " + kernel + " computes " + elements + " elements");
            }
            if (slots.size() >= MOST_PARAMETERS) {
                throw new IllegalArgumentException("kernel " + kernel + " has " + (slots.size() + 1) + " parameters");
            }
        }
    }
}
