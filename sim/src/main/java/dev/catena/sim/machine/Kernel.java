package dev.catena.sim.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A kernel, decoded: ready to run on any number of warps. Immutable. */
public final class Kernel {
    final String name;
    final Instruction[] code;
    final int entry;
    final int predicates;
    final int localBytes;
    final int callBytes;
    final int functions;
    final int maxThreads;
    /** Whether it waits for the launches before it by itself. */
    final boolean beginsEarly;
    /** Bytes of its parameters. */
    final int parameterBytes;
    /** Bytes of its static shared memory, without the gaps that sim adds. */
    final int staticShared;

    /** Where functions begin, the kernel's own first. */
    private final int[] functionStarts;
    private final int registers32;
    private final int registers64;
    private final int[][] constants32;
    private final long[][] constants64;
    private final Map<String, Integer> specials;
    private final int[] localStarts;
    private final int[] localEnds;
    private final List<PlacedShared> shared;
    private final boolean multipliesByWarpgroup;

    /** A shared variable at its address; {@code bytes} is -1 for the launch's dynamic memory. */
    record PlacedShared(String name, int start, int bytes) {}

    Kernel(String name, Instruction[] code, int entry, int predicates, int registers32, int registers64,
            int[][] constants32, long[][] constants64, Map<String, Integer> specials, int[] localStarts, int[] localEnds,
            int callBytes, int[] functionStarts, List<PlacedShared> shared, int staticShared, int parameterBytes, int maxThreads,
            boolean beginsEarly) {
        this.name = name;
        this.code = code;
        this.entry = entry;
        this.predicates = predicates;
        this.registers32 = registers32;
        this.registers64 = registers64;
        this.constants32 = constants32;
        this.constants64 = constants64;
        this.specials = Map.copyOf(specials);
        this.localStarts = localStarts;
        this.localEnds = localEnds;
        this.localBytes = localEnds.length == 0 ? 0 : localEnds[localEnds.length - 1];
        this.callBytes = callBytes;
        this.functions = functionStarts.length;
        this.functionStarts = functionStarts;
        this.shared = shared;
        multipliesByWarpgroup = java.util.Arrays.stream(code).anyMatch(WarpgroupMultiply.class::isInstance);
        this.staticShared = staticShared;
        this.parameterBytes = parameterBytes;
        this.maxThreads = maxThreads;
        this.beginsEarly = beginsEarly;
    }

    /** Whether it has {@code wgmma}, so that registers and shared memory are watched for it. */
    boolean multipliesByWarpgroup() {
        return multipliesByWarpgroup;
    }

    public String name() {
        return name;
    }

    /** Where the function begins that an instruction is in. */
    int functionStart(int pc) {
        int start = 0;
        for (int candidate : functionStarts) {
            start = candidate <= pc ? Math.max(start, candidate) : start;
        }
        return start;
    }

    /** Registers, then constants, which all warps share. */
    int[][] newRegisters32() {
        int[][] registers = new int[registers32 + constants32.length][];
        for (int i = 0; i < registers32; i++) {
            registers[i] = new int[Warp.LANES];
        }
        System.arraycopy(constants32, 0, registers, registers32, constants32.length);
        return registers;
    }

    long[][] newRegisters64() {
        long[][] registers = new long[registers64 + constants64.length][];
        for (int i = 0; i < registers64; i++) {
            registers[i] = new long[Warp.LANES];
        }
        System.arraycopy(constants64, 0, registers, registers64, constants64.length);
        return registers;
    }

    /** Writes {@code %tid} and its like for the block that the warp is to run. */
    void fillSpecials(Warp warp) {
        Launch launch = warp.block.launch;
        specials.forEach((special, slot) -> {
            int[] to = warp.r32[slot];
            for (int lane = 0; lane < Warp.LANES; lane++) {
                to[lane] = special(special, warp, launch, lane);
            }
        });
    }

    /** Whether {@link #special} knows a register of this name. */
    static boolean isSpecial(String name) {
        return switch (name) {
            case "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z",
                    "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid", "%nwarpid", "%lanemask_eq", "%lanemask_lt",
                    "%lanemask_le", "%lanemask_gt", "%lanemask_ge", "%dynamic_smem_size", "WARP_SZ" -> true;
            default -> false;
        };
    }

    private static int special(String name, Warp warp, Launch launch, int lane) {
        int thread = warp.index * Warp.LANES + lane;
        return switch (name) {
            case "%tid.x" -> thread % launch.block[0];
            case "%tid.y" -> thread / launch.block[0] % launch.block[1];
            case "%tid.z" -> thread / launch.block[0] / launch.block[1];
            case "%ntid.x" -> launch.block[0];
            case "%ntid.y" -> launch.block[1];
            case "%ntid.z" -> launch.block[2];
            case "%ctaid.x" -> warp.block.coordinates[0];
            case "%ctaid.y" -> warp.block.coordinates[1];
            case "%ctaid.z" -> warp.block.coordinates[2];
            case "%nctaid.x" -> launch.grid[0];
            case "%nctaid.y" -> launch.grid[1];
            case "%nctaid.z" -> launch.grid[2];
            case "%laneid" -> lane;
            case "%warpid" -> warp.index;
            case "%nwarpid" -> warp.block.warps.length;
            case "%lanemask_eq" -> 1 << lane;
            case "%lanemask_lt" -> (1 << lane) - 1;
            case "%lanemask_le" -> (2 << lane) - 1;
            case "%lanemask_gt" -> -(2 << lane) & (lane == 31 ? 0 : -1);
            case "%lanemask_ge" -> -(1 << lane);
            case "%dynamic_smem_size" -> launch.dynamicShared;
            case "WARP_SZ" -> Warp.LANES;
            default -> throw new AssertionError(name);
        };
    }

    boolean localContains(long offset, int size) {
        for (int i = 0; i < localStarts.length; i++) {
            if (offset >= localStarts[i] && offset + size <= localEnds[i]) {
                return true;
            }
        }
        return false;
    }

    /** Where its shared variables lie when the launch adds {@code dynamic} bytes. */
    SharedMemory.Layout sharedLayout(int dynamic) {
        List<PlacedShared> present = new ArrayList<>();
        for (PlacedShared variable : shared) {
            if (variable.bytes != 0 && (variable.bytes > 0 || dynamic > 0)) {
                present.add(variable);
            }
        }
        int[] starts = new int[present.size()];
        int[] ends = new int[present.size()];
        String[] names = new String[present.size()];
        int size = 0;
        for (int i = 0; i < starts.length; i++) {
            PlacedShared variable = present.get(i);
            starts[i] = variable.start;
            ends[i] = variable.start + (variable.bytes < 0 ? dynamic : variable.bytes);
            names[i] = variable.name;
            size = Math.max(size, ends[i]);
        }
        return new SharedMemory.Layout(starts, ends, names, size + 16);
    }
}
