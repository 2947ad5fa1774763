package dev.catena.runtime;

/** A device failed while it ran: what was on it is lost, and every further use of it fails. */
public class DeviceLostException extends DeviceException {
    public DeviceLostException(String message) {
        super(message);
    }
}
