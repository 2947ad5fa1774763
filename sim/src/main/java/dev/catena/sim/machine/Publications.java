package dev.catena.sim.machine;

import java.util.concurrent.ConcurrentHashMap;

/** What threads that fenced before a strong write passed on with it, by address. */
final class Publications {
    private record Published(Knowledge what, int onlyBlock) {}

    private final ConcurrentHashMap<Long, Published> byAddress = new ConcurrentHashMap<>();

    /** @param onlyBlock the block that a fence of scope {@code cta} reaches, -1 for all */
    void publish(long address, Knowledge what, int onlyBlock, boolean update) {
        byAddress.merge(address, new Published(what, onlyBlock), (old, now) -> !update ? now
                : new Published(Knowledge.join(old.what, now.what), old.onlyBlock == now.onlyBlock ? now.onlyBlock : -1));
    }

    void forget(long address) {
        if (!byAddress.isEmpty()) {
            byAddress.remove(address);
        }
    }

    Knowledge find(long address, int block) {
        if (byAddress.isEmpty()) {
            return null;
        }
        Published found = byAddress.get(address);
        return found == null || found.onlyBlock >= 0 && found.onlyBlock != block ? null : found.what;
    }
}
