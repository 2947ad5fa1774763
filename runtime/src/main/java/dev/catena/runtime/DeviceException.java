package dev.catena.runtime;

import dev.catena.artifact.CatenaException;

/** A device that doesn't exist, or that has no memory left. */
public class DeviceException extends CatenaException {
    public DeviceException(String message) {
        super(message);
    }
}
