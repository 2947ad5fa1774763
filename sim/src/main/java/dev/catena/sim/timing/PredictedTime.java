package dev.catena.sim.timing;

import dev.catena.sim.machine.ExecutionUnit;
import java.util.EnumMap;
import java.util.Map;

/**
 * How long a launch would take on a card: the longest of what its memory, its issue slots, its tensor cores and its shared memory need,
 * plus the boundary to the launch before and a ramp. What multiprocessors have each for themselves is quantized (the busiest one's blocks over
 * the mean); the memory is shared by all blocks that run, wherever they are. A prediction, of a model that no card has corrected yet.
 *
 * @param limit   what takes longest
 * @param needs   seconds by resource, quantized
 * @param bytes   to and from memory
 */
public record PredictedTime(double seconds, Limit limit, Map<Limit, Double> needs, double bytes) {
    /** What a launch may wait for. */
    public enum Limit {
        /** Bytes from memory, or from level 2 to the multiprocessors. */
        MEMORY("mem"),
        /** Instructions, of all units together or of the one that is busiest. */
        ISSUE("issue"),
        /** Products on tensor cores. */
        TENSOR("mma"),
        /** Passes through shared memory. */
        SHARED("smem"),
        /** Boundary and ramp take longer than all of these. */
        START("start");

        private final String text;

        Limit(String text) {
            this.text = text;
        }

        /** As it stands in tables. */
        public String text() {
            return text;
        }
    }

    private static final int WARP = 32;
    /** Warp instructions of a multiprocessor in a clock: its four schedulers (all whitepapers from Volta on). */
    private static final double ISSUES = 4;
    /** From level 2 to a multiprocessor in a clock (Jia and others, arXiv 1804.06826 and 1903.07486; NVIDIA's A100 whitepaper). Not fitted. */
    private static final double L2_BYTES = 64;
    /** Special functions of a multiprocessor in a clock (CUDA C++ Programming Guide, "Arithmetic Instructions"). */
    private static final int SFU_LANES = 16;
    /** Lanes that load or store in a clock: 32 on all (whitepapers), on Turing 16. */
    private static final int LSU_LANES = 32;
    /**
     * Latencies of memory from the first block's first load to the last one's last store that nothing hides: the load, one that hangs
     * on it, the store. Not fitted.
     */
    private static final double RAMP = 3;
    /** Likewise where blocks join their results: until a block's are seen by all, until it has arrived, until the last one has read them. Not fitted. */
    public static final double JOIN = 3;

    /** What {@code work} takes on {@code card}. */
    public static PredictedTime of(KernelWork work, Card card) {
        return of(work, card, card.boundarySeconds(), 0);
    }

    /**
     * Likewise behind a launch that lets it begin early (CUDA C++ Programming Guide, "Programmatic Dependent Launch and Synchronization"): on each
     * multiprocessor a block, which has half of one at most, has asked for its first weights before it waits, and these come while boundary and ramp pass.
     *
     * @param boundarySeconds what is left of the card's: no source says how much, so that 0 and all of it are the bounds
     */
    public static PredictedTime overlapping(KernelWork work, Card card, double boundarySeconds) {
        return of(work, card, boundarySeconds, Math.min(work.busyBlocks(), card.multiprocessors()) * (double) work.bytesUnderWay());
    }

    /** @param ahead bytes that come from memory while boundary and ramp pass, at most */
    private static PredictedTime of(KernelWork work, Card card, double boundarySeconds, double ahead) {
        double quantization = Math.ceil(work.busyBlocks() / (double) card.multiprocessors()) * card.multiprocessors() / work.busyBlocks();
        double clocks = card.multiprocessors() * card.clock() / quantization;      // of the busiest multiprocessor, as if all were
        double bytes = work.memories().stream().mapToDouble(m -> m.fromMemory(card.memory().l2Bytes(), work.blocks(), work.blocksTogether(card))).sum();
        double fromL2 = work.memories().stream().mapToDouble(KernelWork.Memory::blockBytes).sum();
        Map<Limit, Double> needs = new EnumMap<>(Limit.class);
        // A few blocks may take more than their share of the memory, but no more than their way to level 2 carries.
        double start = boundarySeconds + (RAMP + (work.joinsBlocks() ? JOIN : 0)) * card.latencySeconds();
        double early = Math.min(start, Math.min(bytes, ahead) / card.memory().readBytesPerSecond());
        needs.put(Limit.MEMORY, Math.max(memory(work, card, bytes) - early, fromL2 / (L2_BYTES * clocks)));
        needs.put(Limit.ISSUE, issue(work, card) / clocks);
        needs.put(Limit.TENSOR, work.multiplyAdds() / card.rates().matrixMultiplyAdds() / clocks);
        needs.put(Limit.SHARED, work.wavefronts() / clocks);      // 128 bytes a clock, on all cards
        needs.put(Limit.START, start);
        Limit limit = Limit.MEMORY;
        double longest = 0;
        for (Limit candidate : Limit.values()) {
            if (needs.get(candidate) > needs.get(limit)) {
                limit = candidate;
            }
            longest = candidate == Limit.START ? longest : Math.max(longest, needs.get(candidate));
        }
        return new PredictedTime(longest + start, limit, needs, bytes);
    }

    /**
     * Waves of as many blocks as the card has room for, then the rest: each takes what its bytes need of the bandwidth, and no less than one
     * block does, which by Little's law brings what it has under way in the time that loaded memory takes to answer.
     */
    private static double memory(KernelWork work, Card card, double bytes) {
        double answer = (double) card.memory().bytesUnderWay() * card.multiprocessors() / card.memory().readBytesPerSecond();
        double ofBlock = bytes / work.busyBlocks();
        double alone = work.bytesUnderWay() == 0 ? 0 : ofBlock / work.bytesUnderWay() * answer;
        long together = work.blocksTogether(card);
        long rest = work.busyBlocks() % together;
        return work.busyBlocks() / together * Math.max(alone, together * ofBlock / card.memory().readBytesPerSecond())
                + (rest == 0 ? 0 : Math.max(alone, rest * ofBlock / card.memory().readBytesPerSecond()));
    }

    /** Clocks of one multiprocessor that had all of the work. */
    private static double issue(KernelWork work, Card card) {
        double most = work.allSlots() / ISSUES;
        for (Map.Entry<ExecutionUnit, Double> of : work.slots().entrySet()) {
            int lanes = switch (of.getKey()) {
                case FMA -> card.rates().fmaLanes();
                case ALU -> card.rates().aluLanes();
                case SFU -> SFU_LANES;
                case DOUBLE -> card.rates().doubleLanes();
                case LSU -> card.capability() < 80 ? LSU_LANES / 2 : LSU_LANES;
                default -> 0;
            };
            most = lanes == 0 ? most : Math.max(most, of.getValue() * WARP / lanes);
        }
        return most;
    }
}
