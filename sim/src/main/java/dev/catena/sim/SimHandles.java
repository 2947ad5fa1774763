package dev.catena.sim;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** What a driver's handles stand for, the same on all of its GPUs: an event of one may be waited for on another. Thread-safe. */
final class SimHandles {
    private final Map<Long, Object> objects = new ConcurrentHashMap<>();
    private final AtomicLong next = new AtomicLong(1);

    long add(Object object) {
        long handle = next.getAndIncrement();
        objects.put(handle, object);
        return handle;
    }

    /** @throws IllegalArgumentException for a handle that is of another kind, or was given back */
    <T> T get(Class<T> kind, long handle) {
        return checked(kind, handle, objects.get(handle));
    }

    <T> T remove(Class<T> kind, long handle) {
        return checked(kind, handle, objects.remove(handle));
    }

    private static <T> T checked(Class<T> kind, long handle, Object object) {
        if (!kind.isInstance(object)) {
            throw new IllegalArgumentException(handle + " is no " + kind.getSimpleName());
        }
        return kind.cast(object);
    }
}
