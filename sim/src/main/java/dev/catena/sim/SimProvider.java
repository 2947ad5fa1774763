package dev.catena.sim;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.DeviceProvider;
import dev.catena.runtime.Devices;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuModel;
import java.util.List;

/** Simulated GPUs: as many as are named, each with memory of its own. */
public final class SimProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "sim";
    }

    @Override
    public List<Devices.Info> list() {
        Runtime runtime = Runtime.getRuntime();
        return List.of(new Devices.Info("sim:0", SimDriver.DESCRIPTION, runtime.availableProcessors(),
                runtime.maxMemory(), List.of()));
    }

    @Override
    public String note() {
        return "sim runs the GPU's code instruction by instruction and checks every access: it is thousands of times slower "
                + "than a GPU";
    }

    @Override
    public boolean runs(Manifest manifest) {
        return manifest.targets().stream().anyMatch(Manifest.Target::runsPrograms);
    }

    @Override
    public GpuDriver gpus(String device) {
        return new SimDriver();
    }

    @Override
    public DeviceModel load(ArtifactReader reader, String device) {
        return new GpuModel(reader, new SimDriver());
    }
}
