package dev.catena.sim.machine;

/**
 * An {@code mbarrier} object in shared memory (PTX ISA 9.7.13.15): a phase ends when all arrivals that it expects have come and all
 * bytes that it was told of have landed; then the next begins. What threads had done when they arrived, and what copies wrote,
 * is known to who has seen the phase's end.
 */
final class Mbarrier {
    /** The most arrivals of a phase, and of bytes under way. */
    static final int MOST = (1 << 20) - 1;

    final int offset;
    /** Its number in the block: who writes through it is called so in the race shadow. */
    final int number;
    private final Block block;
    private final int expected;
    private int pending;
    private long bytes;
    private long phase;
    /** Whether copies may use it: its beginning was fenced. */
    boolean fenced;
    final int madeBy;
    private Knowledge now;
    private Knowledge completed;

    Mbarrier(Block block, int offset, int number, int expected, int madeBy) {
        this.block = block;
        this.offset = offset;
        this.number = number;
        this.expected = expected;
        this.pending = expected;
        this.madeBy = madeBy;
    }

    long phase() {
        return phase;
    }

    /** Arrivals of a lane. @return false if more come than the phase expects */
    boolean arrive(Warp warp, int lane, int count) {
        if (count > pending) {
            return false;
        }
        now = Knowledge.join(now, warp.knowledge(lane));
        block.tick();      // what the lane does from here on is not what the others learn of
        pending -= count;
        settle();
        return true;
    }

    /** Expects so many bytes more. @return false if that is more than it can count */
    boolean expect(long more) {
        bytes += more;
        settle();
        return Math.abs(bytes) <= MOST;
    }

    /** A copy has landed. @param stamp of its writes */
    void land(long landed, int stamp) {
        now = Knowledge.join(now, Knowledge.ofCopies(block.number, number, stamp));
        bytes -= landed;
        settle();
    }

    private void settle() {
        if (pending == 0 && bytes == 0) {
            pending = expected;
            phase++;
            completed = now;
            block.launch.progress();
        }
    }

    /** What the end of the last phase tells. */
    Knowledge completed() {
        return completed;
    }

    /** For reports. */
    String state() {
        return "phase " + phase + " lacks " + pending + " of " + expected + " arrivals and " + bytes + " bytes";
    }
}
