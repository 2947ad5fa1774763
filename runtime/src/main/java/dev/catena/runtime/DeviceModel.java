package dev.catena.runtime;

import dev.catena.artifact.Manifest;

/**
 * A model's code and weights, loaded for one kind of device. All sessions of the model share it; it goes when the last of
 * those who {@link #retain}ed it has {@link #close}d it. Thread-safe.
 */
public interface DeviceModel extends AutoCloseable {
    /**
     * The target whose code a device runs.
     *
     * @param device such as {@code cuda:0}
     * @throws DeviceException when there is no such device, or it can't be used
     */
    Manifest.Target target(String device);

    /** What a user should know of how this device runs the model, in one line, or null. */
    default String note(String device) {
        return null;
    }

    /** Shares it once more. */
    DeviceModel retain();

    /**
     * Opens a device for this model.
     *
     * @param name    such as {@code cpu:1}
     * @param threads of the host that it may use
     */
    Device open(String name, int threads);

    /** Gives up one share. */
    @Override
    void close();
}
