package dev.catena.runtime.gpu;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import java.util.HashMap;
import java.util.Map;

/** One GPU with a model's kernels and weights on it; the model's sessions share it. Thread-safe. */
final class ModelOnGpu implements AutoCloseable {
    private final ArtifactReader reader;
    private final Gpu gpu;
    private final Manifest.Target target;
    private final boolean dependentLaunches;
    private final WeightFile file;
    private final WeightStore weights;
    private final long code;
    private final Map<String, Long> kernels = new HashMap<>();

    /** @param gpu is closed with this */
    ModelOnGpu(ArtifactReader reader, Gpu gpu, GpuDriver.Code chosen, WeightFile file) {
        this.reader = reader;
        this.gpu = gpu;
        this.file = file;
        target = chosen.target();
        dependentLaunches = chosen.dependentLaunches();
        weights = new WeightStore(gpu, file);
        try {
            code = gpu.load(reader.bytes(chosen.entry()), reader.path() + ": " + chosen.entry());
        } catch (RuntimeException e) {
            Closing.all(gpu::close);
            throw e;
        }
    }

    Gpu gpu() {
        return gpu;
    }

    /** Whether its kernels may begin before those in front of them have ended. */
    boolean dependentLaunches() {
        return dependentLaunches;
    }

    WeightFile file() {
        return file;
    }

    WeightStore weights() {
        return weights;
    }

    Manifest.Code codeOf(Manifest.Stage stage) {
        return stage.code().get(target.name());
    }

    KernelProgram program(Manifest.Stage stage) {
        KernelProgram program = target.programs().get(codeOf(stage).symbol());
        if (program == null) {
            throw new ArtifactException(reader.path(), "target " + target.name() + " has no program for stage '" + stage.name() + "'");
        }
        return program;
    }

    /** What chooses tokens from logits, or null. */
    KernelProgram samplingProgram() {
        return target.programs().get(KernelProgram.SAMPLING);
    }

    synchronized long kernel(String name, int sharedBytes) {
        return kernels.computeIfAbsent(name + " " + sharedBytes, key -> gpu.kernel(code, name, sharedBytes));
    }

    @Override
    public void close() {
        Closing.all(() -> gpu.unload(code), gpu::close);
    }
}
