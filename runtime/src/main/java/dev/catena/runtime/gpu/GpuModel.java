package dev.catena.runtime.gpu;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.Holders;
import java.util.HashMap;
import java.util.Map;

/** An artifact for the GPUs of one driver: each that is named gets the code that fits it, and the weights of its stages. */
public final class GpuModel implements DeviceModel {
    private final ArtifactReader reader;
    private final GpuDriver driver;
    private final WeightFile file;
    private final Map<Integer, ModelOnGpu> opened = new HashMap<>();
    private final Holders holders = new Holders();

    public GpuModel(ArtifactReader reader, GpuDriver driver) {
        this.reader = reader;
        this.driver = driver;
        file = new WeightFile(reader);
    }

    /** Bytes that the graphs of steps may take on a GPU, of so many buckets of rows with so many launches each. */
    public static long graphBytes(int buckets, int launches) {
        return StepGraphs.mostBytes(buckets, launches);
    }

    @Override
    public Manifest.Target target(String device) {
        return driver.choose(reader, ordinal(device)).target();
    }

    @Override
    public String note(String device) {
        return driver.choose(reader, ordinal(device)).note();
    }

    @Override
    public GpuModel retain() {
        holders.add();
        return this;
    }

    @Override
    public synchronized Device open(String name, int threads) {
        ModelOnGpu there = opened.computeIfAbsent(ordinal(name), ordinal -> {
            GpuDriver.Code code = driver.choose(reader, ordinal);
            return new ModelOnGpu(reader, driver.open(ordinal, code.target().name(), threads), code, file);
        });
        return new GpuDevice(name, retain(), there);
    }

    private static int ordinal(String name) {
        return Integer.parseInt(name.substring(name.indexOf(':') + 1));
    }

    @Override
    public synchronized void close() {
        if (holders.remove()) {
            opened.values().forEach(ModelOnGpu::close);
            file.close();
        }
    }
}
