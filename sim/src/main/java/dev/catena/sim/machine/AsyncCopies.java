package dev.catena.sim.machine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/** A warp's {@code cp.async} copies in groups, lane by lane. They land as late as PTX allows: when they are waited for. */
final class AsyncCopies {
    private final Warp warp;
    private final List<Deque<List<AsyncCopy>>> groups = new ArrayList<>();
    private final List<List<AsyncCopy>> open = new ArrayList<>();
    private boolean used;

    AsyncCopies(Warp warp) {
        this.warp = warp;
        for (int i = 0; i < Warp.LANES; i++) {
            groups.add(new ArrayDeque<>());
            open.add(new ArrayList<>());
        }
    }

    void clear() {
        if (used) {
            groups.forEach(Deque::clear);
            open.forEach(List::clear);
            used = false;
        }
    }

    /** Starts a copy. The target must be free from now on, and the source must stay as it is. */
    void start(int lane, int target, int size, long source, int read, Instruction at) {
        used = true;
        byte[] before = new byte[size];
        if (read > 0) {
            warp.memory.readBytes(lane, source, read, before, at);
        }
        warp.memory.checkSharedWrite(lane, target, size, at);
        AsyncCopy copy = new AsyncCopy(lane, warp.index * Warp.LANES + lane, target, size, source, read, before, at);
        warp.block.shared.expect(copy);
        open.get(lane).add(copy);
    }

    void commit(int lanes) {
        for (int m = lanes; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            groups.get(lane).add(List.copyOf(open.get(lane)));
            open.get(lane).clear();
        }
    }

    /** Lands all but the youngest {@code keep} groups. */
    void await(int lanes, int keep, Instruction at) {
        for (int m = lanes; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            while (groups.get(lane).size() > keep) {
                groups.get(lane).remove().forEach(copy -> land(copy, at));
            }
        }
    }

    /** Lands everything, committed or not. */
    void awaitAll(int lanes, Instruction at) {
        commit(lanes);
        await(lanes, 0, at);
    }

    private void land(AsyncCopy copy, Instruction at) {
        byte[] now = new byte[copy.size()];
        if (copy.read() > 0) {
            warp.memory.readBytes(copy.lane(), copy.source(), copy.read(), now, copy.at());
            if (!Arrays.equals(now, copy.before())) {
                throw warp.fault(FaultKind.PENDING_COPY, copy.lane(), copy.at(),
                        "its source was written before the copy was waited for");
            }
        }
        warp.block.shared.land(copy);
        warp.memory.writeShared(copy.lane(), copy.target(), now, at);
    }
}
