package dev.catena.runtime.cpu;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.DeviceProvider;
import dev.catena.runtime.Devices;
import dev.catena.runtime.LoadedGraph;
import java.util.ArrayList;
import java.util.List;

/** This machine's processor. {@code cpu:1} and so on are the same one, with memory and threads of their own. */
public final class CpuProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public List<Devices.Info> list() {
        return List.of(new Devices.Info("cpu:0", CpuTopology.processorName(), CpuTopology.physicalCores(),
                CpuTopology.memoryBytes(), new ArrayList<>(CpuFeatures.ofThisMachine().names())));
    }

    @Override
    public boolean runs(Manifest manifest) {
        return manifest.targets().stream().anyMatch(CpuModel::isCpu);
    }

    @Override
    public DeviceModel load(ArtifactReader reader, String device) {
        return new CpuModel(reader);
    }

    @Override
    public LoadedGraph graph(ArtifactReader reader, String device) {
        return CpuGraph.of(reader, reader.graph());
    }
}
