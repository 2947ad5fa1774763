package dev.catena.sim.machine;

import java.util.ArrayList;
import java.util.List;

/** Four neighbouring warps that multiply together: what they run one after the other, which must be the same for all. */
final class Warpgroup {
    static final int WARPS = 4;

    private record Step(Instruction at, long descriptorA, long descriptorB) {}

    private final List<Step> steps = new ArrayList<>();
    private final int[] done = new int[WARPS];
    private int forgotten;

    void clear() {
        steps.clear();
        forgotten = 0;
        java.util.Arrays.fill(done, 0);
    }

    /** A warp's next step. @return null, or what another warp did there instead */
    Instruction step(int warp, Instruction at, long descriptorA, long descriptorB) {
        int place = done[warp % WARPS]++ - forgotten;
        Step mine = new Step(at, descriptorA, descriptorB);
        if (place == steps.size()) {
            steps.add(mine);
        } else if (!steps.get(place).equals(mine)) {
            return steps.get(place).at;
        }
        if (java.util.Arrays.stream(done).allMatch(count -> count > forgotten)) {
            steps.remove(0);
            forgotten++;
        }
        return null;
    }
}
