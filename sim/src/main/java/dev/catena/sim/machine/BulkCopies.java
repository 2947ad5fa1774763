package dev.catena.sim.machine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A block's {@code cp.async.bulk} copies. They land in any order, when chance says so; who doesn't wait for the mbarrier reads too early. */
final class BulkCopies {
    private final Block block;
    private final List<BulkCopy> pending = new ArrayList<>();

    BulkCopies(Block block) {
        this.block = block;
    }

    void clear() {
        pending.clear();
    }

    /** Starts a copy. The target must be free from now on, and the source must stay as it is. */
    void start(Warp warp, int lane, long target, int size, long source, Mbarrier tells, Instruction at) {
        byte[] before = new byte[size];
        warp.memory.readPieces(lane, source, before, true, at);
        int offset = warp.memory.claimShared(lane, target, size, at);
        BulkCopy copy = new BulkCopy(warp, lane, offset, size, source, tells, before, at);
        block.shared.expect(copy);
        pending.add(copy);
    }

    /** One copy may land, by chance. */
    void landSome() {
        if (!pending.isEmpty() && (block.nextRandom() & 1) == 0) {
            land(pending.remove(block.nextRandom() % pending.size()));
        }
    }

    private void land(BulkCopy copy) {
        byte[] now = new byte[copy.size()];
        copy.warp().memory.readPieces(copy.lane(), copy.source(), now, false, copy.at());
        if (!Arrays.equals(now, copy.before())) {
            throw copy.warp().fault(FaultKind.PENDING_COPY, copy.lane(), copy.at(), "its source was written before the copy had landed");
        }
        SharedMemory shared = block.shared;
        shared.land(copy);
        System.arraycopy(now, 0, shared.page.data, copy.target(), copy.size());
        shared.page.markRange(copy.target(), copy.target() + copy.size());
        shared.page.shadow.land(copy.target(), copy.size(), block, copy.tells().number, copy.at());
        shared.writtenByCopy(copy.target(), copy.size());
        copy.tells().land(copy.size(), block.clock);
        block.tick();
        block.launch.progress();
    }

    /** Reports a copy that is still under way when the block ends. */
    void ended() {
        if (!pending.isEmpty()) {
            BulkCopy copy = pending.get(0);
            throw copy.warp().fault(FaultKind.PENDING_COPY, copy.lane(), copy.at(), "the block ends before it has landed");
        }
    }
}
