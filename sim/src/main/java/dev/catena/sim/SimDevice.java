package dev.catena.sim;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.Step;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.util.List;

/**
 * A simulated GPU with one model's kernels on it. The system property {@code catena.sim.seed} chooses the order in which
 * everything runs.
 */
final class SimDevice implements Device {
    private final String name;
    private final SimModel model;
    private final SimMachine machine;
    private final SimModule module;

    /** @param model is retained until {@link #close} */
    SimDevice(String name, SimModel model, int threads) {
        this.name = name;
        this.model = model.retain();
        try {
            machine = new SimMachine(SimMachine.Settings.defaults().withSeed(Long.getLong("catena.sim.seed", 1))
                    .withHostThreads(threads).withArchitecture(architecture(model.target().name())));
            module = machine.load(model.ptx());
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** 86 for {@code sm_86}, 90 for {@code sm_90a}. */
    private static int architecture(String target) {
        String digits = target.replaceAll("[^0-9]", "");
        return digits.isEmpty() || digits.length() > 4 ? 80 : Integer.parseInt(digits);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public DeviceChain chain(List<Manifest.Stage> stages, Step step, int pages, int liveRows) {
        return new SimChain(model, machine, module, stages, step, pages, liveRows);
    }

    @Override
    public void close() {
        model.close();
    }
}
