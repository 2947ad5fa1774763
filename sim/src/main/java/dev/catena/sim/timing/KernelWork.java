package dev.catena.sim.timing;

import dev.catena.artifact.KernelProgram;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.machine.KernelCounters;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * What a whole launch has to do, from the counters of some of its blocks.
 *
 * @param blocks       of the grid
 * @param threads      of a block
 * @param registers    of a thread
 * @param sharedBytes  of a block, static and dynamic
 * @param busyBlocks   those that work; the others return at once
 * @param slots        machine instructions of the busy blocks' warps by unit, about
 * @param wavefronts   passes of 128 bytes through shared memory; a shuffle is one, too
 * @param multiplyAdds of matrix instructions, by {@code mma.sync}; one by {@code wgmma} counts as what that would do in its time
 * @param memories     global memory, by allocation
 * @param bytesUnderWay of weights and cache that a block has asked for before it waits for any: counted where copies go past the registers,
 *                     since how early other loads begin is the compiler's choice; 0: enough, as far as is known
 */
public record KernelWork(String kernel, long blocks, int threads, int registers, long sharedBytes, long busyBlocks,
        Map<ExecutionUnit, Double> slots, double wavefronts,
        double multiplyAdds, List<Memory> memories, long bytesUnderWay) {
    public KernelWork {
        // In the units' order: Map.copyOf has another one in each process, and what is written of it would differ.
        slots = slots.isEmpty() ? Map.of() : Collections.unmodifiableMap(new EnumMap<>(slots));
        memories = List.copyOf(memories);
        boolean sound = blocks >= 1 && threads >= 1 && threads <= 1024 && registers >= 0 && registers <= 255 && sharedBytes >= 0
                && busyBlocks >= 1 && busyBlocks <= blocks && isAmount(wavefronts) && isAmount(multiplyAdds) && bytesUnderWay >= 0
                && slots.values().stream().allMatch(KernelWork::isAmount);
        if (!sound) {
            throw new IllegalArgumentException(kernel + ": no kernel does such work");
        }
    }

    private static double sum(List<Long> slots) {
        return slots.stream().mapToDouble(s -> s).sum();
    }

    private static boolean isAmount(double value) {
        return value >= 0 && value < 1e18;
    }

    /** A block with less than this share of the busiest one's instructions only looked and left. */
    private static final double IDLE = 0.1;
    private static final int SECTOR = 32;
    /** No card that is known has less (a T4's). */
    private static final double SMALL_L2_BYTES = 4 << 20;
    /** Blocks that touch so many times the bytes that there are share them. */
    private static final double SHARED = 1.05;

    /**
     * @param bytes      different ones that the launch touches
     * @param blockBytes the sum over blocks of the different ones that each touches: what goes between level 2 and the multiprocessors
     * @param stays      whether the launch before left it in level 2, if it fits
     * @param order      how blocks that follow each other share it, by the dimensions of the grid, the fastest first; empty: not counted
     */
    public record Memory(String name, double bytes, double blockBytes, boolean stays, List<Along> order) {
        public Memory {
            order = order == null ? List.of() : List.copyOf(order);
            if (!isAmount(bytes) || !isAmount(blockBytes)) {
                throw new IllegalArgumentException(name + ": no memory has such bytes");
            }
        }

        /**
         * A dimension of the grid.
         *
         * @param blocks along it
         * @param fresh  what share of the bytes that a block touches the one before it along this dimension doesn't
         */
        public record Along(int blocks, double fresh) {
            public Along {
                if (blocks < 1 || !(fresh >= 0 && fresh <= 1)) {
                    throw new IllegalArgumentException("no dimension has " + blocks + " blocks of which " + fresh + " is new");
                }
            }
        }

        /**
         * What goes to and from memory with so much level 2 cache. Blocks that run side by side find there what they share; where the
         * cache is too small for it all, those of the next wave don't any more.
         *
         * @param blocks   of the launch
         * @param together of them that run at a time
         */
        double fromMemory(long l2Bytes, long blocks, long together) {
            if (bytes <= l2Bytes / 2.0) {
                return stays ? 0 : bytes;
            }
            double all = blocks / together * ofWave(together, blocks) + (blocks % together == 0 ? 0 : ofWave(blocks % together, blocks));
            return Math.min(blockBytes, Math.max(bytes, all));
        }

        /** Different bytes that so many blocks touch that follow each other: all there are, where nobody counted. */
        private double ofWave(long together, long blocks) {
            double touched = order.isEmpty() ? bytes : blockBytes / blocks;
            long left = together;
            for (Along dimension : order) {
                touched *= 1 + (Math.min(left, dimension.blocks) - 1) * dimension.fresh;
                left = (left + dimension.blocks - 1) / dimension.blocks;
            }
            return Math.min(touched, bytes);
        }

        private Memory inOrder(List<Along> counted) {
            return new Memory(name, bytes, blockBytes, stays, counted);
        }
    }

    /**
     * @param launch the whole of it
     * @param needs  of its kernel
     * @param sample counters of blocks that are spread evenly over the grid; at least one
     * @param stays  whether an allocation, by its name, is in level 2 already, if it fits
     */
    public static KernelWork of(KernelProgram.Launch launch, KernelProgram.Kernel needs, KernelCounters sample, Predicate<String> stays) {
        long blocks = product(launch.grid());
        double each = (double) blocks / sample.blocks();
        long most = sample.blockSlots().stream().mapToLong(s -> s).max().orElseThrow();
        List<Long> ofBusy = sample.blockSlots().stream().filter(s -> s >= IDLE * most).toList();
        // The others' few instructions are spread over the card; beside the busy ones', on few multiprocessors, they would count many times.
        double busyShare = most == 0 ? 1 : sum(ofBusy) / sum(sample.blockSlots());
        Map<ExecutionUnit, Double> slots = new EnumMap<>(ExecutionUnit.class);
        sample.slots().forEach((unit, count) -> slots.put(unit, count * each * busyShare));
        long shuffles = sample.instructions().stream().filter(i -> i.name().startsWith("shfl"))
                .mapToLong(KernelCounters.OfInstruction::executions).sum();
        long byWarpgroup = sample.multiplyAdds(i -> i.name().startsWith("wgmma"));
        return new KernelWork(sample.kernel(), blocks, (int) product(launch.block()), needs.registers(),
                (long) needs.sharedBytes() + launch.shared(), Math.max(1, Math.round(ofBusy.size() * each)), slots,
                each * (sample.shared(i -> true).wavefronts() + shuffles), each * (sample.multiplyAdds() - (1 - Card.HOPPER_MMA_SHARE) * byWarpgroup),
                sample.memories().stream().map(m -> memory(m, blocks, sample.blocks(), stays.test(m.name()))).toList(),
                sample.memories().stream().filter(m -> !stays.test(m.name())).mapToLong(KernelCounters.OfMemory::bytesAhead).sum() / sample.blocks());
    }

    /** The same work by another kernel of the same instructions: with its registers and shared memory, and so much under way. */
    public KernelWork by(KernelProgram.Launch launch, KernelProgram.Kernel needs, long underWay) {
        return new KernelWork(needs.name(), blocks, threads, needs.registers(), (long) needs.sharedBytes() + launch.shared(), busyBlocks, slots,
                wavefronts, multiplyAdds, memories, underWay);
    }

    /** Whether blocks leave results to the one that arrives last. */
    boolean joinsBlocks() {
        return memories.stream().anyMatch(memory -> memory.name().equals(StepMemory.COUNTERS) && memory.bytes() > 0);
    }

    static long product(List<Integer> sizes) {
        return sizes.stream().mapToLong(n -> n).reduce(1, (a, b) -> a * b);
    }

    /** Turns in which a card's multiprocessors take the blocks that work. */
    public long waves(Card card) {
        long together = blocksTogether(card);
        return (busyBlocks + together - 1) / together;
    }

    /** Blocks that a card has room for at a time. */
    long blocksTogether(Card card) {
        return (long) card.multiprocessors() * card.residentBlocks(threads, registers, sharedBytes);
    }

    /** How much of what a further block touches is new, the sampled blocks tell, and no more is touched than there is. */
    private static Memory memory(KernelCounters.OfMemory m, long blocks, int sampled, boolean stays) {
        double ofBlock = (double) m.touchedByBlocks() / sampled;
        double shared = m.touchedByBlocks() - ofBlock;
        double fresh = shared > 0 ? (m.touchedSectors() - ofBlock) / shared : 1;
        double sectors = ofBlock * (1 + (blocks - 1) * Math.max(0, fresh));
        return new Memory(m.name(), Math.min(sectors * SECTOR, m.bytes()), ofBlock * blocks * SECTOR, stays, List.of());
    }

    /** Whether it matters which blocks run together: they share something that some card's level 2 has no room for. */
    boolean dependsOnOrder() {
        return memories.stream().anyMatch(m -> m.bytes > SMALL_L2_BYTES / 2 && m.blockBytes > SHARED * m.bytes);
    }

    /**
     * The same work, with how blocks share memory along each dimension of the grid.
     *
     * @param neighbours by dimension, counters of two blocks that follow each other along it; null where there is one block
     */
    KernelWork inOrder(List<Integer> grid, List<KernelCounters> neighbours) {
        List<Memory> ordered = memories.stream().map(memory -> {
            List<Memory.Along> order = new ArrayList<>();
            for (int d = 0; d < grid.size(); d++) {
                order.add(new Memory.Along(grid.get(d), neighbours.get(d) == null ? 0 : fresh(neighbours.get(d), memory.name)));
            }
            return memory.inOrder(order);
        }).toList();
        return new KernelWork(kernel, blocks, threads, registers, sharedBytes, busyBlocks, slots, wavefronts, multiplyAdds, ordered, bytesUnderWay);
    }

    private static double fresh(KernelCounters two, String memory) {
        return two.memories().stream().filter(m -> m.name().equals(memory) && m.touchedByBlocks() > 0).findFirst()
                .map(m -> Math.min(1, Math.max(0, 2.0 * m.touchedSectors() / m.touchedByBlocks() - 1))).orElse(1.0);
    }

    /** Machine instructions of warps, about. */
    public double allSlots() {
        return slots.values().stream().mapToDouble(s -> s).sum();
    }
}
