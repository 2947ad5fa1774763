package dev.catena.sim.machine;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * What the blocks that ran of a kernel did, counted as a GPU's own counters would. Lanes ran in lockstep and met again as soon
 * as they could. Instructions are PTX's; what machine code makes of them is known roughly ({@code slots}).
 *
 * @param kernel       its name
 * @param blockSlots   machine instructions of each block that ran, about
 * @param instructions in the order of the code
 * @param loops        in the order of their ends
 * @param memories     of global memory, by allocation
 */
public record KernelCounters(String kernel, List<Long> blockSlots, List<OfInstruction> instructions, List<Loop> loops,
        List<OfMemory> memories) {
    public KernelCounters {
        blockSlots = List.copyOf(blockSlots);
        instructions = List.copyOf(instructions);
        loops = List.copyOf(loops);
        memories = List.copyOf(memories);
    }

    /** Instructions from where a branch goes back to up to that branch, by their index. */
    public record Loop(int first, int last) {}

    /**
     * One instruction of the code.
     *
     * @param name         such as {@code ld.global.nc.v4.u32}
     * @param source       file and line, or the PTX's line
     * @param slots        machine instructions that it becomes
     * @param executions   by warps
     * @param lanes        active ones, over all executions
     * @param divergences  executions after which lanes of a warp stood at different places
     * @param multiplyAdds of matrix products
     * @param memory       the allocation of global memory that it touched last, or empty
     */
    public record OfInstruction(String name, String source, ExecutionUnit unit, int slots, long executions, long lanes,
            long divergences, long multiplyAdds, String memory, Global global, Shared shared, Local local) {}

    /**
     * Requests to global memory; one is a warp's instruction.
     *
     * @param bytes        that lanes asked for
     * @param sectors      pieces of 32 bytes that were touched, request by request
     * @param idealSectors into which the different bytes of each request would fit
     */
    public record Global(long requests, long bytes, long sectors, long idealSectors) {
        /** Nothing was asked for. */
        public static final Global NONE = new Global(0, 0, 0, 0);

        /** Sectors for each that was needed; 1 is the best. */
        public double excess() {
            return idealSectors == 0 ? 1 : (double) sectors / idealSectors;
        }

        /** Of both. */
        public Global plus(Global other) {
            return new Global(requests + other.requests, bytes + other.bytes, sectors + other.sectors,
                    idealSectors + other.idealSectors);
        }
    }

    /**
     * Requests to shared memory.
     *
     * @param bytes           that lanes asked for
     * @param wavefronts      passes of 128 bytes through the banks
     * @param idealWavefronts what it takes where no bank is met twice
     */
    public record Shared(long requests, long bytes, long wavefronts, long idealWavefronts) {
        /** Wavefronts beyond the ideal. */
        public long conflicts() {
            return wavefronts - idealWavefronts;
        }

        /** Of both. */
        public Shared plus(Shared other) {
            return new Shared(requests + other.requests, bytes + other.bytes, wavefronts + other.wavefronts,
                    idealWavefronts + other.idealWavefronts);
        }
    }

    /** Requests to local memory. */
    public record Local(long requests, long bytes) {}

    /**
     * One allocation of global memory.
     *
     * @param bytes           of the allocation
     * @param loads           copies to shared memory among them
     * @param stores          atomics among them
     * @param touchedSectors  different sectors that any block touched
     * @param touchedByBlocks the sum over blocks of the different sectors that each touched
     * @param bytesAhead      that {@code cp.async} and {@code cp.async.bulk} asked for before its warp first waited for such copies, over all blocks
     */
    public record OfMemory(String name, long bytes, Global loads, Global stores, long touchedSectors, long touchedByBlocks,
            long bytesAhead) {}

    /** How many blocks ran. */
    public int blocks() {
        return blockSlots.size();
    }

    /**
     * The loop that does a kernel's work: of those that hold an instruction of the kind that is asked for, the one where such ran most
     * often, of equal ones the narrowest. Empty, if none ran in a loop.
     */
    public List<OfInstruction> mainLoop(Predicate<OfInstruction> work) {
        List<OfInstruction> main = List.of();
        long most = 0;
        for (Loop loop : loops) {
            List<OfInstruction> body = instructions.subList(loop.first, loop.last + 1);
            long executions = body.stream().filter(work).mapToLong(OfInstruction::executions).sum();
            if (executions > most || executions == most && executions > 0 && body.size() < main.size()) {
                main = body;
                most = executions;
            }
        }
        return main;
    }

    /** Machine instructions by unit, about. */
    public Map<ExecutionUnit, Long> slots() {
        Map<ExecutionUnit, Long> slots = new EnumMap<>(ExecutionUnit.class);
        for (ExecutionUnit unit : ExecutionUnit.values()) {
            slots.put(unit, instructions.stream().filter(i -> i.unit == unit).mapToLong(i -> i.slots * i.executions).sum());
        }
        return slots;
    }

    /** Machine instructions of warps, about. */
    public long allSlots() {
        return instructions.stream().mapToLong(i -> i.slots * i.executions).sum();
    }

    /** Multiplications with an addition by the matrix instructions that are asked for. */
    public long multiplyAdds(Predicate<OfInstruction> which) {
        return instructions.stream().filter(which).mapToLong(i -> i.multiplyAdds).sum();
    }

    /** By all. */
    public long multiplyAdds() {
        return multiplyAdds(i -> true);
    }

    /** Branches after which lanes of a warp went different ways. */
    public long divergentBranches() {
        return instructions.stream().mapToLong(i -> i.divergences).sum();
    }

    /** Requests to global memory by the instructions that are asked for. */
    public Global global(Predicate<OfInstruction> which) {
        return instructions.stream().filter(which).map(OfInstruction::global).reduce(Global.NONE, Global::plus);
    }

    /** Requests to shared memory by the instructions that are asked for. */
    public Shared shared(Predicate<OfInstruction> which) {
        return instructions.stream().filter(which).map(OfInstruction::shared).reduce(new Shared(0, 0, 0, 0), Shared::plus);
    }

    /** Bytes that lanes read from and wrote to local memory. */
    public long localBytes() {
        return instructions.stream().mapToLong(i -> i.local.bytes).sum();
    }

    /** What happened to an allocation; nothing, if no block touched it. */
    public OfMemory memory(String name) {
        return memories.stream().filter(m -> m.name.equals(name)).findFirst()
                .orElse(new OfMemory(name, 0, Global.NONE, Global.NONE, 0, 0, 0));
    }
}
