package dev.catena.runtime.gpu;

/** Memory on a GPU, taken at once for several regions. Must be closed, once; nothing may use it after that. */
public final class GpuMemory implements AutoCloseable {
    private final long[] addresses;
    private Runnable free;

    /**
     * @param addresses of the regions, each a multiple of {@link Region#ALIGNMENT}
     * @param free      gives it back
     */
    public GpuMemory(long[] addresses, Runnable free) {
        this.addresses = addresses.clone();
        this.free = free;
    }

    /** Where a region starts. */
    public long address(int region) {
        return addresses[region];
    }

    @Override
    public void close() {
        if (free != null) {
            Runnable once = free;
            free = null;
            once.run();
        }
    }
}
