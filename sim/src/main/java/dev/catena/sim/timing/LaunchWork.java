package dev.catena.sim.timing;

import dev.catena.artifact.KernelProgram;
import dev.catena.runtime.DeviceException;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What launches of kernels by themselves, without an artifact, do: as {@link StepWork}, with memory that is described and not there.
 */
public final class LaunchWork implements AutoCloseable {
    /** Blocks of a matrix product are alike; of two one sees what they share. */
    private static final int BLOCKS = 2;

    private final SimMachine machine;
    private final SimModule module;
    private final Map<String, Allocation> places = new HashMap<>();

    /**
     * @param ptx   of the kernels
     * @param rows  of the step, of one sequence
     * @param bytes of each memory that a launch's arguments name, such as {@code weight:0}
     */
    public LaunchWork(int architecture, String ptx, int rows, Map<String, Long> bytes) {
        machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(architecture).withHostThreads(1));
        module = machine.load(ptx);
        bytes.forEach((name, length) -> places.put(name, machine.allocate(name, Math.max(16, length), StepMemory::fill)));
        Allocation step = machine.allocate("step", 16);
        step.writeInts(0, rows, 1, rows, 1);
        places.put("step", step);
        places.put(StepMemory.COUNTERS, machine.allocate(StepMemory.COUNTERS, 4L * KernelProgram.COUNTERS));
    }

    /**
     * Counts some blocks of a launch.
     *
     * @throws DeviceException when the kernel breaks a rule, or has an instruction that sim doesn't know
     */
    public KernelWork of(KernelProgram.Launch launch, KernelProgram.Kernel needs) {
        KernelCounters sample = StepWork.sample(machine, module, launch, this::address, BLOCKS);
        return StepWork.inOrder(machine, module, launch, this::address, KernelWork.of(launch, needs, sample, StepMemory::stays));
    }

    private long address(String argument) {
        int plus = argument.indexOf('+');
        Allocation place = places.get(plus < 0 ? argument : argument.substring(0, plus));
        if (place == null) {
            throw new DeviceException("a kernel takes " + argument + ", which isn't there");
        }
        if (argument.equals(StepMemory.COUNTERS)) {
            place.writeInts(0, new int[KernelProgram.COUNTERS]);     // some blocks alone don't leave zeros behind, as all would
        }
        return place.address() + (plus < 0 ? 0 : Long.parseLong(argument.substring(plus + 1)));
    }

    /** What launches take on a card, one after the other, predicted. */
    public static double seconds(List<KernelWork> launches, Card card) {
        return launches.stream().mapToDouble(work -> PredictedTime.of(work, card).seconds()).sum();
    }

    @Override
    public void close() {
        places.values().forEach(machine::free);
    }
}
