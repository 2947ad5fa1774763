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
 * @param memories     of global memory, by allocation
 */
public record KernelCounters(String kernel, List<Long> blockSlots, List<OfInstruction> instructions, List<OfMemory> memories) {
    public KernelCounters {
        blockSlots = List.copyOf(blockSlots);
        instructions = List.copyOf(instructions);
        memories = List.copyOf(memories);
    }

    /**
     * One instruction of the code.
     *
     * @param name         such as {@code ld.global.nc.v4.u32}
     * @param source       file and line, or the PTX's line
     * @param slots        machine instructions that it becomes
     * @param inLoop       whether it can run more than once
     * @param executions   by warps
     * @param lanes        active ones, over all executions
     * @param divergences  executions after which lanes of a warp stood at different places
     * @param multiplyAdds of matrix products
     */
    public record OfInstruction(String name, String source, ExecutionUnit unit, int slots, boolean inLoop, long executions,
            long lanes, long divergences, long multiplyAdds, Global global, Shared shared, Local local) {}

    /**
     * Requests to global memory; one is a warp's instruction.
     *
     * @param bytes        that lanes asked for
     * @param sectors      pieces of 32 bytes that were touched, request by request
     * @param idealSectors into which the different bytes of each request would fit
     */
    public record Global(long requests, long bytes, long sectors, long idealSectors) {
        /** Sectors for each that was needed; 1 is the best. */
        public double excess() {
            return idealSectors == 0 ? 1 : (double) sectors / idealSectors;
        }

        Global plus(Global other) {
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

        Shared plus(Shared other) {
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
     */
    public record OfMemory(String name, long bytes, Global loads, Global stores, long touchedSectors, long touchedByBlocks) {}

    /** How many blocks ran. */
    public int blocks() {
        return blockSlots.size();
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

    /** Multiplications with an addition by matrix instructions. */
    public long multiplyAdds() {
        return instructions.stream().mapToLong(i -> i.multiplyAdds).sum();
    }

    /** Branches after which lanes of a warp went different ways. */
    public long divergentBranches() {
        return instructions.stream().mapToLong(i -> i.divergences).sum();
    }

    /** Requests to global memory by the instructions that are asked for. */
    public Global global(Predicate<OfInstruction> which) {
        return instructions.stream().filter(which).map(OfInstruction::global).reduce(new Global(0, 0, 0, 0), Global::plus);
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
                .orElse(new OfMemory(name, 0, new Global(0, 0, 0, 0), new Global(0, 0, 0, 0), 0, 0));
    }
}
