package dev.catena.sim.machine;

/**
 * An instruction that lanes run together ({@code .sync}, {@code .aligned}): whoever comes first waits for the others it
 * names. A lane that it names and that can't come is an error.
 */
abstract class Collective extends Instruction {
    Collective(MemoryAccess... accesses) {
        super(true, accesses);
    }

    /** The lanes that must come, as {@code lane} has it. */
    int required(Warp warp, int lane) {
        return warp.existing;
    }

    /** What a wrong set of lanes is called. */
    FaultKind failure() {
        return FaultKind.LANES;
    }

    /** Runs, all required lanes being there. */
    abstract void perform(Warp warp, int lanes);

    /** Whether the lanes go on at once when it was performed. */
    boolean continues() {
        return true;
    }

    @Override
    final boolean transfer(Warp warp, int active) {
        if (active != warp.mask) {
            warp.push(pc + 1, warp.mask & ~active);
            if (active == 0) {
                return false;
            }
        }
        int whole = active;
        while (active != 0) {
            int lane = Integer.numberOfTrailingZeros(active);
            int need = required(warp, lane);
            int same = 0;
            for (int m = active; m != 0; m &= m - 1) {
                int other = Integer.numberOfTrailingZeros(m);
                if (required(warp, other) == need) {
                    same |= 1 << other;
                }
            }
            if ((same & ~need) != 0) {
                throw warp.fault(failure(), Integer.numberOfTrailingZeros(same & ~need), this,
                        "lane mask " + hex(need) + " lacks this lane itself");
            }
            int gone = need & ~(warp.existing & ~warp.exited);
            if (gone != 0) {
                throw warp.fault(failure(), lane, this, "lanes " + hex(gone) + " of " + hex(need)
                        + " have ended or never were");
            }
            int come = same | warp.unpark(pc, need);
            active &= ~same;
            if (come != need) {
                warp.park(this, need, come);
                continue;
            }
            if (warp.tally != null) {
                warp.tally.instruction(this, warp, come);
            }
            perform(warp, come);
            if (continues()) {
                if (come == whole) {
                    warp.pc = pc + 1;
                    warp.mask = come;
                    return true;
                }
                warp.push(pc + 1, come);
            }
        }
        return false;
    }

    static String hex(int mask) {
        return String.format("0x%08x", mask);
    }
}
