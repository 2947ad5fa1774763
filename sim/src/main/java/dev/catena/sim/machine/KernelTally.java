package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Counts what blocks of a kernel do, one after the other. */
final class KernelTally {
    /** What is counted of an instruction. */
    private enum Count {
        EXECUTIONS, LANES, DIVERGENCES, GLOBAL_REQUESTS, GLOBAL_BYTES, GLOBAL_SECTORS, GLOBAL_IDEAL, SHARED_REQUESTS, SHARED_BYTES,
        SHARED_WAVEFRONTS, SHARED_IDEAL, LOCAL_REQUESTS, LOCAL_BYTES;

        private static final int ALL = values().length;
    }

    /** Of an allocation. */
    private static final class MemoryTally {
        private final long[] loads = new long[4];
        private final long[] stores = new long[4];
        private TouchedSectors ofBlock = new TouchedSectors();
        private final TouchedSectors ofAll = new TouchedSectors();
        private long byBlocks;
        private long bytesAhead;
    }

    /** What an instruction has to do with {@code cp.async} and {@code cp.async.bulk}. */
    private enum AsyncPart { NONE, COPY, WAIT }

    /** The most bytes that a lane asks for by itself. */
    private static final int MOST_OF_LANE = 16;
    private static final int WAVEFRONT = 128;

    private final Kernel kernel;
    private final GlobalMemory memory;
    private final long[] counts;
    private final Map<Allocation, MemoryTally> memories = new HashMap<>();
    private final SharedWavefronts banks = new SharedWavefronts();
    private final long[] addresses = new long[Warp.LANES];
    private final int[] sizes = new int[Warp.LANES];
    private final int[] order = new int[Warp.LANES];
    private final Allocation[] touched;
    private final int[] slots;
    private final AsyncPart[] asyncParts;
    /** Of the block that runs, warps that have waited for copies. */
    private final BitSet waited = new BitSet();
    private long slotsOfBlock;
    private final List<Long> blockSlots = new ArrayList<>();

    KernelTally(Kernel kernel, GlobalMemory memory) {
        this.kernel = kernel;
        this.memory = memory;
        counts = new long[kernel.code.length * Count.ALL];
        touched = new Allocation[kernel.code.length];
        slots = Arrays.stream(kernel.code).mapToInt(i -> InstructionCost.of(i.text).slots()).toArray();
        asyncParts = Arrays.stream(kernel.code).map(i -> asyncPart(i.text)).toArray(AsyncPart[]::new);
    }

    private static AsyncPart asyncPart(PtxInstruction i) {
        if (i.opcode().equals("mbarrier")) {
            return i.has("try_wait") || i.has("test_wait") ? AsyncPart.WAIT : AsyncPart.NONE;
        } else if (!i.opcode().equals("cp") || i.has("commit_group")) {
            return AsyncPart.NONE;
        }
        return i.has("wait_group") || i.has("wait_all") ? AsyncPart.WAIT : AsyncPart.COPY;
    }

    private void add(int pc, Count count, long by) {
        counts[pc * Count.ALL + count.ordinal()] += by;
    }

    /** An instruction is about to run on lanes of a warp; none, where its guard holds for none. */
    void instruction(Instruction i, Warp warp, int active) {
        add(i.pc, Count.EXECUTIONS, 1);
        slotsOfBlock += slots[i.pc];
        add(i.pc, Count.LANES, Integer.bitCount(active));
        if (asyncParts[i.pc] == AsyncPart.WAIT && active != 0) {
            waited.set(warp.index);
        }
        for (MemoryAccess access : i.accesses()) {
            access(i.pc, access, warp, active & access.lanes());
        }
    }

    /** Lanes of a warp have gone different ways. */
    void divergence(Instruction i) {
        add(i.pc, Count.DIVERGENCES, 1);
    }

    void blockEnded() {
        blockSlots.add(slotsOfBlock);
        slotsOfBlock = 0;
        waited.clear();
        for (MemoryTally tally : memories.values()) {
            tally.byBlocks += tally.ofBlock.count();
            tally.ofAll.addAll(tally.ofBlock);
            tally.ofBlock = new TouchedSectors();
        }
    }

    private void access(int pc, MemoryAccess access, Warp warp, int lanes) {
        int global = 0;
        int shared = 0;
        int local = 0;
        for (int m = lanes; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            long address = access.address().of(warp, lane);
            sizes[lane] = access.bytes().of(warp, lane);
            Space space = access.space() == Space.GENERIC ? Space.of(address) : access.space();
            addresses[lane] = access.space() == Space.GENERIC ? address - space.window() : address;
            if (sizes[lane] > 0) {
                switch (space) {
                    case SHARED -> shared |= 1 << lane;
                    case LOCAL -> local |= 1 << lane;
                    default -> global |= 1 << lane;
                }
            }
        }
        if (global != 0) {
            global(pc, global, access.kind() == MemoryAccess.Kind.LOAD, asyncParts[pc] == AsyncPart.COPY && !waited.get(warp.index));
        }
        if (shared != 0) {
            long bytes = bytes(shared);
            int ofLane = sizes[Integer.numberOfTrailingZeros(shared)];
            boolean byUnit = ofLane > MOST_OF_LANE;      // copies and products that units do by themselves, 128 bytes at a time
            if (!byUnit) {
                banks.count(shared, addresses, ofLane, access.kind() == MemoryAccess.Kind.ATOMIC);
            }
            add(pc, Count.SHARED_REQUESTS, 1);
            add(pc, Count.SHARED_BYTES, bytes);
            add(pc, Count.SHARED_WAVEFRONTS, byUnit ? (bytes + WAVEFRONT - 1) / WAVEFRONT : banks.wavefronts);
            add(pc, Count.SHARED_IDEAL, byUnit ? (bytes + WAVEFRONT - 1) / WAVEFRONT : banks.ideal);
        }
        if (local != 0) {
            add(pc, Count.LOCAL_REQUESTS, 1);
            add(pc, Count.LOCAL_BYTES, bytes(local));
        }
    }

    private long bytes(int lanes) {
        long bytes = 0;
        for (int m = lanes; m != 0; m &= m - 1) {
            bytes += sizes[Integer.numberOfTrailingZeros(m)];
        }
        return bytes;
    }

    /**
     * A request's different bytes and different sectors; an address that is in no memory is left to the access itself to refuse.
     *
     * @param ahead whether it is a copy, and its warp has waited for none yet
     */
    private void global(int pc, int lanes, boolean load, boolean ahead) {
        Allocation allocation = memory.near(addresses[Integer.numberOfTrailingZeros(lanes)]);
        if (allocation == null) {
            return;
        }
        MemoryTally tally = memories.computeIfAbsent(allocation, a -> new MemoryTally());
        touched[pc] = allocation;
        sortByAddress(lanes);
        int count = Integer.bitCount(lanes);
        long different = 0;
        long end = Long.MIN_VALUE;
        long lastSector = Long.MIN_VALUE;
        long touched = 0;
        for (int n = 0; n < count; n++) {
            long from = addresses[order[n]];
            long to = from + sizes[order[n]];
            different += Math.max(0, to - Math.max(from, end));
            end = Math.max(end, to);
            for (long sector = from / TouchedSectors.BYTES; sector <= (to - 1) / TouchedSectors.BYTES; sector++) {
                if (sector > lastSector) {
                    touched++;
                    lastSector = sector;
                    tally.ofBlock.add(sector);
                }
            }
        }
        long ideal = (different + TouchedSectors.BYTES - 1) / TouchedSectors.BYTES;
        long asked = bytes(lanes);
        add(pc, Count.GLOBAL_REQUESTS, 1);
        add(pc, Count.GLOBAL_BYTES, asked);
        add(pc, Count.GLOBAL_SECTORS, touched);
        add(pc, Count.GLOBAL_IDEAL, ideal);
        long[] of = load ? tally.loads : tally.stores;
        of[0]++;
        of[1] += asked;
        of[2] += touched;
        of[3] += ideal;
        tally.bytesAhead += ahead ? asked : 0;
    }

    /** Insertion sort: lanes mostly come in order. */
    private void sortByAddress(int lanes) {
        int count = 0;
        for (int m = lanes; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            int at = count++;
            while (at > 0 && addresses[order[at - 1]] > addresses[lane]) {
                order[at] = order[at - 1];
                at--;
            }
            order[at] = lane;
        }
    }

    /** All that was counted. */
    static KernelCounters join(Kernel kernel, List<KernelTally> tallies) {
        long[] counts = new long[kernel.code.length * Count.ALL];
        String[] touched = new String[kernel.code.length];
        Arrays.fill(touched, "");
        Map<Allocation, MemoryTally> memories = new HashMap<>();
        List<Long> blockSlots = new ArrayList<>();
        for (KernelTally tally : tallies) {
            blockSlots.addAll(tally.blockSlots);
            for (int i = 0; i < counts.length; i++) {
                counts[i] += tally.counts[i];
            }
            for (int pc = 0; pc < touched.length; pc++) {
                touched[pc] = tally.touched[pc] == null ? touched[pc] : tally.touched[pc].name();
            }
            tally.memories.forEach((allocation, of) -> add(memories.computeIfAbsent(allocation, a -> new MemoryTally()), of));
        }
        List<KernelCounters.OfInstruction> instructions = new ArrayList<>();
        for (Instruction i : kernel.code) {
            instructions.add(of(i, touched[i.pc], Arrays.copyOfRange(counts, i.pc * Count.ALL, (i.pc + 1) * Count.ALL)));
        }
        return new KernelCounters(kernel.name, blockSlots, instructions, loops(kernel), memories.entrySet().stream()
                .map(e -> of(e.getKey(), e.getValue())).sorted(Comparator.comparing(KernelCounters.OfMemory::name)).toList());
    }

    private static void add(MemoryTally to, MemoryTally from) {
        for (int i = 0; i < 4; i++) {
            to.loads[i] += from.loads[i];
            to.stores[i] += from.stores[i];
        }
        to.ofAll.addAll(from.ofAll);
        to.byBlocks += from.byBlocks;
        to.bytesAhead += from.bytesAhead;
    }

    private static KernelCounters.OfMemory of(Allocation allocation, MemoryTally tally) {
        return new KernelCounters.OfMemory(allocation.name(), allocation.bytes(), global(tally.loads), global(tally.stores), tally.ofAll.count(),
                tally.byBlocks, tally.bytesAhead);
    }

    private static KernelCounters.Global global(long[] of) {
        return new KernelCounters.Global(of[0], of[1], of[2], of[3]);
    }

    private static KernelCounters.OfInstruction of(Instruction i, String memory, long[] c) {
        PtxInstruction text = i.text;
        InstructionCost cost = InstructionCost.of(text);
        long executions = c[Count.EXECUTIONS.ordinal()];
        String source = text.source() != null ? text.source().toString() : "PTX line " + text.textLine();
        return new KernelCounters.OfInstruction(text.name(), source, cost.unit(), cost.slots(), executions,
                c[Count.LANES.ordinal()], c[Count.DIVERGENCES.ordinal()], cost.multiplyAdds() * executions, memory,
                new KernelCounters.Global(c[Count.GLOBAL_REQUESTS.ordinal()], c[Count.GLOBAL_BYTES.ordinal()],
                        c[Count.GLOBAL_SECTORS.ordinal()], c[Count.GLOBAL_IDEAL.ordinal()]),
                new KernelCounters.Shared(c[Count.SHARED_REQUESTS.ordinal()], c[Count.SHARED_BYTES.ordinal()],
                        c[Count.SHARED_WAVEFRONTS.ordinal()], c[Count.SHARED_IDEAL.ordinal()]),
                new KernelCounters.Local(c[Count.LOCAL_REQUESTS.ordinal()], c[Count.LOCAL_BYTES.ordinal()]));
    }

    /** From a label to a branch back to it. Targets count from their function's first instruction. */
    private static List<KernelCounters.Loop> loops(Kernel kernel) {
        List<KernelCounters.Loop> loops = new ArrayList<>();
        for (Instruction branch : kernel.code) {
            for (PtxOperand operand : branch.text.opcode().equals("bra") ? branch.text.operands() : List.<PtxOperand>of()) {
                if (operand instanceof PtxOperand.Target target && kernel.functionStart(branch.pc) + target.index() <= branch.pc) {
                    loops.add(new KernelCounters.Loop(kernel.functionStart(branch.pc) + target.index(), branch.pc));
                }
            }
        }
        return loops;
    }
}
