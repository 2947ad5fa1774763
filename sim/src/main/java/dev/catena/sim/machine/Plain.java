package dev.catena.sim.machine;

/**
 * Instructions that only compute. They do it for all 32 lanes, and where some are not active, those keep what they had.
 */
final class Plain {
    private Plain() {}

    /** Gives the array to compute into, and puts the active lanes where they belong. */
    private static int[] target(Warp w, int d, int active) {
        return active == -1 ? w.r32[d] : w.spare32;
    }

    private static long[] target64(Warp w, int d, int active) {
        return active == -1 ? w.r64[d] : w.spare64;
    }

    static void settle(Warp w, int d, int active) {
        if (active != -1) {
            int[] to = w.r32[d];
            for (int m = active; m != 0; m &= m - 1) {
                int i = Integer.numberOfTrailingZeros(m);
                to[i] = w.spare32[i];
            }
        }
    }

    static void settle64(Warp w, int d, int active) {
        if (active != -1) {
            long[] to = w.r64[d];
            for (int m = active; m != 0; m &= m - 1) {
                int i = Integer.numberOfTrailingZeros(m);
                to[i] = w.spare64[i];
            }
        }
    }

    private abstract static class Computes extends Instruction {
        Computes() {
            super(false);
        }
    }

    static Instruction of(int d, int a, Lanes.One f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target(w, d, active), w.r32[a]);
                settle(w, d, active);
            }
        };
    }

    static Instruction of(int d, int a, int b, Lanes.Two f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target(w, d, active), w.r32[a], w.r32[b]);
                settle(w, d, active);
            }
        };
    }

    static Instruction of(int d, int a, int b, int c, Lanes.Three f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target(w, d, active), w.r32[a], w.r32[b], w.r32[c]);
                settle(w, d, active);
            }
        };
    }

    static Instruction ofLong(int d, int a, Lanes.OneLong f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r64[a]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction ofLong(int d, int a, int b, Lanes.TwoLong f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r64[a], w.r64[b]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction ofLong(int d, int a, int b, int c, Lanes.ThreeLong f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r64[a], w.r64[b], w.r64[c]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction shift(int d, int a, int b, Lanes.ShiftLong f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r64[a], w.r32[b]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction widen(int d, int a, Lanes.Widen f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r32[a]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction narrow(int d, int a, Lanes.Narrow f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target(w, d, active), w.r64[a]);
                settle(w, d, active);
            }
        };
    }

    static Instruction widen(int d, int a, int b, Lanes.WidenTwo f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r32[a], w.r32[b]);
                settle64(w, d, active);
            }
        };
    }

    static Instruction widen(int d, int a, int b, int c, Lanes.WidenThree f) {
        return new Computes() {
            @Override
            void run(Warp w, int active) {
                f.run(target64(w, d, active), w.r32[a], w.r32[b], w.r64[c]);
                settle64(w, d, active);
            }
        };
    }

    static void setPredicate(Warp w, int p, int active, int value) {
        if (p >= 0) {
            w.predicates[p] = w.predicates[p] & ~active | value & active;
        }
    }
}
