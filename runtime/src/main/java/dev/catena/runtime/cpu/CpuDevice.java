package dev.catena.runtime.cpu;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.Step;
import java.util.List;

/** Some of this machine's cores: a team of threads, and memory of its own. {@code cpu:0} and {@code cpu:1} share neither. */
public final class CpuDevice implements Device {
    private final String name;
    private final CpuModel model;
    private final ThreadTeam team;

    /** @param model is retained until {@link #close} */
    public CpuDevice(String name, CpuModel model, int threads) {
        this.name = name;
        this.model = model.retain();
        try {
            team = new ThreadTeam(name, threads);
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public DeviceChain chain(List<Manifest.Stage> stages, Step step, int pages, int liveRows) {
        return new CpuChain(model, team, stages, step, pages, liveRows);
    }

    @Override
    public void close() {
        team.close();   // nothing may run in the model's code when that goes
        model.close();
    }
}
