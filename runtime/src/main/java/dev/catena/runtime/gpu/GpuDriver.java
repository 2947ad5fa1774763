package dev.catena.runtime.gpu;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;

/** What GPUs are reached through: NVIDIA's driver, or the simulator. */
public interface GpuDriver {
    /**
     * The code that a GPU takes.
     *
     * @param target that the programs are of
     * @param entry  of the artifact, a cubin or PTX
     * @param note   what a user should know of this choice, in one line, or null
     */
    record Code(Manifest.Target target, String entry, String note) {
        /** Whether its kernels may begin before those in front of them have ended. */
        boolean dependentLaunches() {
            return target.features().contains(Manifest.Target.DEPENDENT_LAUNCHES);
        }
    }

    /**
     * Finds the code in an artifact that fits a GPU best.
     *
     * @param ordinal the number in its name
     * @throws dev.catena.runtime.DeviceException              when there is no such GPU, or it can't be used
     * @throws dev.catena.runtime.UnsupportedPlatformException when the artifact has nothing for it
     */
    Code choose(ArtifactReader reader, int ordinal);

    /**
     * Opens a GPU.
     *
     * @param target      whose code will run, such as {@code sm_86}
     * @param hostThreads that it may use, where it is none but a program
     */
    Gpu open(int ordinal, String target, int hostThreads);

    /**
     * Measures a GPU.
     *
     * @param bytes of memory to read and to copy
     */
    default GpuMeasurement measure(int ordinal, long bytes) {
        int threads = Runtime.getRuntime().availableProcessors();
        GpuMeasurement measured;
        try (Gpu gpu = open(ordinal, "sm_75", threads)) {
            measured = GpuMeasurement.of(gpu, bytes / 256 * 256);
        }
        try (Gpu gpu = open(ordinal, "sm_75", threads)) {
            return measured.withDependentLaunches(gpu);
        } catch (DeviceException e) {
            return measured;      // a driver that refuses them must not cost the rest
        }
    }
}
