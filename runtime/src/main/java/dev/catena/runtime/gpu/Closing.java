package dev.catena.runtime.gpu;

import dev.catena.runtime.DeviceException;

/** Gives everything back, also after a device was lost: then the rest is still tried, and nobody is told again. */
final class Closing {
    private Closing() {}

    static void all(Runnable... parts) {
        for (Runnable part : parts) {
            try {
                part.run();
            } catch (DeviceException e) {
                // Whoever used the device when it was lost knows; its memory goes with it.
            }
        }
    }

    static void one(AutoCloseable part) {
        all(() -> {
            try {
                part.close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);       // none of ours declares one
            }
        });
    }
}
