package dev.catena.sim.machine;

/**
 * A block's shared memory. Variables lie apart, so that running over one's end hits nothing; addresses start above zero.
 */
final class SharedMemory {
    /** Bytes between two variables that belong to none. */
    static final int GAP = 64;
    /** Generic addresses of shared memory start here. */
    static final long WINDOW = 1L << 56;

    /**
     * Where variables lie: {@code [starts[i], ends[i])}.
     *
     * @param size bytes in all, gaps included
     */
    record Layout(int[] starts, int[] ends, String[] names, int size) {}

    final Page page;
    private final Layout layout;
    private final AsyncCopy[] pending;
    private int pendingCopies;
    private int last;

    SharedMemory(Layout layout) {
        this.layout = layout;
        page = new Page(new byte[layout.size], true, true);
        pending = new AsyncCopy[(layout.size + 3) / 4];
    }

    void start(int run) {
        page.markUnwritten();
        page.shadow.enter(run);
        if (pendingCopies > 0) {
            java.util.Arrays.fill(pending, null);
            pendingCopies = 0;
        }
    }

    /** Whether {@code size} bytes at {@code offset} lie in one variable. */
    boolean contains(long offset, int size) {
        int[] starts = layout.starts;
        if (last < starts.length && offset >= starts[last] && offset + size <= layout.ends[last]) {
            return true;
        }
        for (int i = 0; i < starts.length; i++) {
            if (offset >= starts[i] && offset + size <= layout.ends[i]) {
                last = i;
                return true;
            }
        }
        return false;
    }

    /** An address in words. */
    String describe(long offset) {
        for (int i = 0; i < layout.starts.length; i++) {
            if (offset >= layout.starts[i] - GAP / 2 && offset < layout.ends[i] + GAP / 2) {
                return "byte " + (offset - layout.starts[i]) + " of " + layout.names[i] + " ("
                        + (layout.ends[i] - layout.starts[i]) + " bytes of shared memory)";
            }
        }
        return String.format("shared address 0x%x, which no variable has", offset);
    }

    /** The copy that is to write there and has not been waited for, or null. */
    AsyncCopy pendingAt(int offset, int size) {
        if (pendingCopies == 0) {
            return null;
        }
        for (int i = offset >> 2; i <= offset + size - 1 >> 2; i++) {
            if (pending[i] != null) {
                return pending[i];
            }
        }
        return null;
    }

    void expect(AsyncCopy copy) {
        for (int i = copy.target() >> 2; i < copy.target() + copy.size() >> 2; i++) {
            pending[i] = copy;
        }
        pendingCopies++;
    }

    void land(AsyncCopy copy) {
        for (int i = copy.target() >> 2; i < copy.target() + copy.size() >> 2; i++) {
            pending[i] = null;
        }
        pendingCopies--;
    }
}
