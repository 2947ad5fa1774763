package dev.catena.runtime;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuGraph;
import java.util.List;

/**
 * A kind of device, such as {@code cpu}. Kinds are found by {@link java.util.ServiceLoader}, so that this module needn't
 * know those that live elsewhere.
 */
public interface DeviceProvider {
    /** What comes before the colon in its devices' names: lower-case letters. */
    String kind();

    /** This kind's devices on this machine. */
    List<Devices.Info> list();

    /** What a user should know who runs a model on it, in one line, or null. */
    default String note() {
        return null;
    }

    /** Why this kind's devices can't be used here, and what to do, in one line each; none where all can. */
    default List<String> problems() {
        return List.of();
    }

    /**
     * What this kind's GPUs are reached through, or null if they are none.
     *
     * @param device that is wanted, for messages
     * @throws DeviceException when they can't be used
     */
    default GpuDriver gpus(String device) {
        return null;
    }

    /** Whether it runs one of the artifact's targets. */
    boolean runs(Manifest manifest);

    /**
     * Loads a model's code and weights for this kind.
     *
     * @param device that is wanted first, for messages
     * @throws UnsupportedPlatformException when the artifact has no code that it can run
     * @throws DeviceException              when the kind can't be used here
     */
    DeviceModel load(ArtifactReader reader, String device);

    /**
     * Loads a graph of tensors for one of this kind's devices; the reader may then be closed.
     *
     * @param device its full name
     * @throws UnsupportedPlatformException when the artifact has no code that it can run
     */
    default LoadedGraph graph(ArtifactReader reader, String device) {
        return GpuGraph.of(reader, gpus(device), Integer.parseInt(device.substring(device.indexOf(':') + 1)));
    }
}
