package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxModule;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A GPU in Java, that checks what it runs. One launch at a time.
 *
 * <pre>{@code
 * SimMachine machine = new SimMachine(SimMachine.Settings.defaults());
 * Allocation x = machine.allocate("x", 4096);
 * x.writeFloats(0, 1, 2, 3);
 * machine.launch(machine.load(ptx).kernel("scale"), Grid.of(4).blocks(…), x.address());
 * }</pre>
 */
public final class SimMachine {
    private final Settings settings;
    private final GlobalMemory memory = new GlobalMemory();
    private final AtomicInteger launches = new AtomicInteger();
    private long laneInstructions;

    /**
     * @param seed           of the order in which lanes, warps and blocks run, and of the errors of approximations
     * @param hostThreads    threads that run blocks
     * @param residentBlocks blocks that run at the same time, at most
     * @param architecture   such as 86: decides how much shared memory a block may have
     */
    public record Settings(long seed, int hostThreads, int residentBlocks, int architecture) {
        public static Settings defaults() {
            return new Settings(1, Math.min(16, Runtime.getRuntime().availableProcessors()), 8, 86);
        }

        public Settings withSeed(long other) {
            return new Settings(other, hostThreads, residentBlocks, architecture);
        }

        public Settings withHostThreads(int count) {
            return new Settings(seed, count, residentBlocks, architecture);
        }

        public Settings withResidentBlocks(int count) {
            return new Settings(seed, hostThreads, count, architecture);
        }

        public Settings withArchitecture(int number) {
            return new Settings(seed, hostThreads, residentBlocks, number);
        }

        /** Bytes of shared memory that a block may have, static and dynamic (CUDA C++ Programming Guide, table of capabilities). */
        int maxShared() {
            return 1024 * switch (architecture) {
                case 75 -> 64;
                case 80, 87 -> 163;
                case 90, 100, 101, 103 -> 227;
                default -> 99;
            };
        }
    }

    public SimMachine(Settings settings) {
        this.settings = settings;
    }

    long seed() {
        return settings.seed;
    }

    GlobalMemory memory() {
        return memory;
    }

    /** Global memory that nobody has written yet. */
    public Allocation allocate(String name, long bytes) {
        return memory.allocate(name, bytes, false, null);
    }

    /** Global memory that is filled before the first launch. */
    public Allocation allocate(String name, long bytes, Allocation.Contents contents) {
        return memory.allocate(name, bytes, false, contents);
    }

    /** Global memory that kernels may only read. */
    public Allocation allocateReadOnly(String name, long bytes, Allocation.Contents contents) {
        return memory.allocate(name, bytes, true, contents);
    }

    /** Global memory that the host writes and kernels may only read. */
    public Allocation allocateReadOnly(String name, long bytes) {
        return memory.allocate(name, bytes, true, null);
    }

    /** Gives memory back: who still uses it is out of bounds. No launch may be running. */
    public void free(Allocation allocation) {
        memory.free(allocation);
    }

    /**
     * The memory that an address lies in, or just outside of.
     *
     * @throws SimFault when that is none
     */
    public Allocation allocation(long address) {
        Allocation allocation = memory.near(address);
        if (allocation == null) {
            throw new SimFault(FaultKind.OUT_OF_BOUNDS, "the host's copy", null, null, -1, -1,
                    "address " + Long.toHexString(address) + " is in no memory");
        }
        return allocation;
    }

    /** Parses a module and places its variables. */
    public SimModule load(String ptx) {
        return new SimModule(this, PtxModule.parse(ptx));
    }

    /** Lane instructions that have run on this machine. */
    public long laneInstructions() {
        return laneInstructions;
    }

    /** Runs a kernel whose parameters are all 64-bit pointers. */
    public void launch(Kernel kernel, int[] grid, int[] block, int dynamicShared, long... pointers) {
        launch(kernel, grid, block, dynamicShared, null, pointers);
    }

    /**
     * Runs some blocks of a grid.
     *
     * @param blocks linear indices, null = all
     * @throws SimFault for the first rule that the kernel breaks
     */
    public void launch(Kernel kernel, int[] grid, int[] block, int dynamicShared, long[] blocks, long... pointers) {
        run(kernel, grid, block, dynamicShared, blocks, null, Long.MAX_VALUE, pointers);
    }

    /**
     * Runs some blocks of a grid, the lanes of a warp in lockstep, and counts what they do. All is checked as in a launch.
     *
     * @param blocks linear indices, null = all
     * @param limit  lane instructions after which it is given up
     * @throws SimFault for the first rule that the kernel breaks, and at the limit
     */
    public KernelCounters count(Kernel kernel, int[] grid, int[] block, int dynamicShared, long[] blocks, long limit,
            long... pointers) {
        List<KernelTally> tallies = new ArrayList<>();
        run(kernel, grid, block, dynamicShared, blocks, tallies, limit, pointers);
        return KernelTally.join(kernel, tallies);
    }

    /** Refuses a kernel that never waits for the launches before it (griddepcontrol.wait), where it may begin before these have ended. */
    public static void requireWait(Kernel kernel) {
        if (!kernel.beginsEarly) {
            throw new SimFault(FaultKind.DEPENDENT, kernel.name, null, null, -1, -1,
                    "it may begin before the launch in front of it has ended, and never waits");
        }
    }

    private void run(Kernel kernel, int[] grid, int[] block, int dynamicShared, long[] blocks, List<KernelTally> tallies, long limit,
            long... pointers) {
        long threads = (long) block[0] * block[1] * block[2];
        long count = (long) grid[0] * grid[1] * grid[2];
        if (threads < 1 || threads > 1024 || kernel.maxThreads > 0 && threads > kernel.maxThreads) {
            throw refused(kernel, "blocks of " + threads + " threads; it is made for "
                    + (kernel.maxThreads > 0 ? kernel.maxThreads : 1024));
        }
        if (count < 1 || count >= RaceShadow.MAX_BLOCKS || grid[1] > 65535 || grid[2] > 65535) {
            throw refused(kernel, "a grid of " + grid[0] + " × " + grid[1] + " × " + grid[2]);
        }
        if (dynamicShared < 0 || kernel.staticShared > 48 * 1024 || kernel.staticShared + dynamicShared > settings.maxShared()) {
            throw refused(kernel, kernel.staticShared + " bytes of static and " + dynamicShared
                    + " of dynamic shared memory; sm_" + settings.architecture + " has " + settings.maxShared());
        }
        if (pointers.length * 8 != kernel.parameterBytes) {
            throw refused(kernel, pointers.length + " pointers for " + kernel.parameterBytes + " bytes of parameters");
        }
        ByteBuffer parameters = ByteBuffer.allocate(pointers.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        parameters.asLongBuffer().put(pointers);
        int number = launches.incrementAndGet();
        laneInstructions += new Launch(this, kernel, grid.clone(), block.clone(), dynamicShared, parameters.array(), number,
                settings.seed * 0x2545F4914F6CDD1DL + number, blocks, tallies, limit)
                .run(settings.hostThreads, settings.residentBlocks);
    }

    private static SimFault refused(Kernel kernel, String why) {
        return new SimFault(FaultKind.LAUNCH, kernel.name, null, null, -1, -1, why);
    }
}
