package dev.catena.sim.timing;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * What the launches of one step of an artifact do, found by running some blocks of each in the simulator on made-up contents. Equal
 * stages are counted once.
 *
 * @param overlaps whether the stages' launches may begin before those in front of them have ended
 * @param launches in the order in which they run; the stages' first, then sampling
 */
public record StepWork(StepShape shape, boolean overlaps, List<Counted> launches) {
    /** Blocks that are run first; if they differ, more are: these, and no fewer than the grid has layers. */
    private static final int FEW_BLOCKS = 3;
    private static final int MANY_BLOCKS = 16;
    private static final double ALIKE = 0.1;
    /** Lane instructions of a launch's blocks: the largest kernel of a 70B model takes a hundredth of it. */
    private static final long LIMIT = 1L << 30;

    /**
     * A launch.
     *
     * @param stages that run it, by name, or {@code sampling}
     * @param sample counters of the blocks that ran
     */
    public record Counted(KernelProgram.Launch launch, List<String> stages, KernelCounters sample, KernelWork work) {}

    public StepWork {
        launches = List.copyOf(launches);
    }

    /**
     * Counts.
     *
     * @param manifest of an artifact, whose weights need not be there
     * @param ptx      the target's
     * @throws DeviceException when the programs have no launches for so many rows, a kernel breaks a rule, or has an instruction that sim doesn't know
     */
    public static StepWork of(Manifest manifest, Manifest.Target target, String ptx, StepShape shape) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(architecture(target)));
        SimModule module = machine.load(ptx);
        List<Counted> launches = new ArrayList<>();
        Map<String, List<Manifest.Stage>> bySymbol = new LinkedHashMap<>();
        for (Manifest.Stage stage : manifest.stages()) {
            bySymbol.computeIfAbsent(stage.code().get(target.name()).symbol(), s -> new ArrayList<>()).add(stage);
        }
        bySymbol.forEach((symbol, stages) -> {
            StepMemory memory = StepMemory.of(machine, shape, stages.get(0), stages.get(0).code().get(target.name()));
            add(machine, module, target, target.programs().get(symbol), shape, memory, stages.stream().map(Manifest.Stage::name).toList(), launches);
        });
        KernelProgram sampling = target.programs().get(KernelProgram.SAMPLING);
        if (sampling != null) {
            StepMemory memory = StepMemory.ofSampling(machine, shape, manifest.model().vocab());
            add(machine, module, target, sampling, shape, memory, List.of(KernelProgram.SAMPLING), launches);
        }
        return new StepWork(shape, target.features().contains(Manifest.Target.DEPENDENT_LAUNCHES), launches);
    }

    private static int architecture(Manifest.Target target) {
        String digits = target.name().replaceAll("[^0-9]", "");
        return digits.isEmpty() || digits.length() > 4 ? 80 : Integer.parseInt(digits);
    }

    private static void add(SimMachine machine, SimModule module, Manifest.Target target, KernelProgram program, StepShape shape,
            StepMemory memory, List<String> stages, List<Counted> launches) {
        KernelProgram.Bucket bucket = program.buckets().stream().filter(b -> b.rows() >= shape.rows()).findFirst()
                .orElseThrow(() -> new DeviceException("there are no launches for steps of " + shape.rows() + " rows"));
        for (KernelProgram.Launch launch : bucket.launches()) {
            KernelCounters sample = sample(machine, module, launch, memory::address, FEW_BLOCKS);
            long least = sample.blockSlots().stream().mapToLong(s -> s).min().orElse(0);
            long most = sample.blockSlots().stream().mapToLong(s -> s).max().orElse(0);
            if (sample.blocks() == FEW_BLOCKS && most - least > ALIKE * most) {
                sample = sample(machine, module, launch, memory::address, manyBlocks(launch));
            }
            launches.add(new Counted(launch, stages, sample, inOrder(machine, module, launch, memory::address,
                    KernelWork.of(launch, needs(target, launch), sample, StepMemory::stays))));
        }
    }

    private static KernelProgram.Kernel needs(Manifest.Target target, KernelProgram.Launch launch) {
        return target.kernels().stream().filter(kernel -> kernel.name().equals(launch.kernel())).findFirst()
                .orElseThrow(() -> new DeviceException(target.name() + " says nothing of the needs of " + launch.kernel()));
    }

    /**
     * As many of each layer (blockIdx.z): those of attention are splits of the positions, of which a short context fills the first few alone, so that a
     * sample that falls into few layers takes one that works for many, or for none.
     */
    private static int manyBlocks(KernelProgram.Launch launch) {
        int layers = launch.grid().get(2);
        return layers * ((MANY_BLOCKS + layers - 1) / layers);
    }

    /** Runs blocks that lie evenly in the grid, the first among them, in step neither with its rows nor with eight of them; all, where there are no more. */
    static KernelCounters sample(SimMachine machine, SimModule module, KernelProgram.Launch launch, ToLongFunction<String> address, int count) {
        long blocks = KernelWork.product(launch.grid());
        int taken = (int) Math.min(count, blocks);
        long[] chosen = new long[taken];
        for (int i = 0; i < taken; i++) {
            chosen[i] = i * blocks / taken + 11L * i % (blocks / taken);
        }
        return count(machine, module, launch, address, chosen);
    }

    /** A launch's work with how its blocks share memory, counted of neighbours in the middle of the grid where that matters. */
    static KernelWork inOrder(SimMachine machine, SimModule module, KernelProgram.Launch launch, ToLongFunction<String> address, KernelWork work) {
        if (!work.dependsOnOrder()) {
            return work;
        }
        List<KernelCounters> neighbours = new ArrayList<>();
        long middle = 0;
        long step = 1;
        for (int extent : launch.grid()) {
            middle += (extent - 1) / 2 * step;
            step *= extent;
        }
        step = 1;
        for (int extent : launch.grid()) {
            neighbours.add(extent == 1 ? null : count(machine, module, launch, address, middle, middle + step));
            step *= extent;
        }
        return work.inOrder(launch.grid(), neighbours);
    }

    private static KernelCounters count(SimMachine machine, SimModule module, KernelProgram.Launch launch, ToLongFunction<String> address, long... chosen) {
        return machine.count(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()), launch.shared(), chosen, LIMIT,
                launch.args().stream().mapToLong(address).toArray());
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Launches of the step, stage by stage. */
    public int launchCount() {
        return launches.stream().mapToInt(l -> l.stages().size()).sum();
    }

    /** Seconds of the whole step on a card, predicted: launches one after the other. */
    public double seconds(Card card) {
        return launches.stream().mapToDouble(l -> l.stages().size() * PredictedTime.of(l.work(), card).seconds()).sum();
    }

    /** Likewise where launches overlap. @param boundarySeconds as {@link PredictedTime#overlapping} has it */
    public double overlappingSeconds(Card card, double boundarySeconds) {
        return launches.stream().mapToDouble(l -> l.stages().size() * (l.stages().contains(KernelProgram.SAMPLING) ? PredictedTime.of(l.work(), card)
                : PredictedTime.overlapping(l.work(), card, boundarySeconds)).seconds()).sum();
    }

    /** Bytes to and from memory of the whole step on a card, predicted. */
    public double bytes(Card card) {
        return launches.stream().mapToDouble(l -> l.stages().size() * PredictedTime.of(l.work(), card).bytes()).sum();
    }
}
