package dev.catena.sim.machine;

/** What an instruction does to 32 lanes at once; each form loops over them itself. */
final class Lanes {
    private Lanes() {}

    interface One { void run(int[] d, int[] a); }

    interface Two { void run(int[] d, int[] a, int[] b); }

    interface Three { void run(int[] d, int[] a, int[] b, int[] c); }

    interface OneLong { void run(long[] d, long[] a); }

    interface TwoLong { void run(long[] d, long[] a, long[] b); }

    interface ThreeLong { void run(long[] d, long[] a, long[] b, long[] c); }

    interface Widen { void run(long[] d, int[] a); }

    interface Narrow { void run(int[] d, long[] a); }

    /** 64-bit values with a 32-bit third operand: shifts. */
    interface ShiftLong { void run(long[] d, long[] a, int[] b); }

    interface WidenTwo { void run(long[] d, int[] a, int[] b); }

    interface WidenThree { void run(long[] d, int[] a, int[] b, long[] c); }

    /** Gives a bit for each lane. */
    interface Compare { int run(int[] a, int[] b); }

    interface CompareLong { int run(long[] a, long[] b); }

    // One lane at a time, for what isn't worth a loop of its own.

    interface Int1 { int of(int a); }

    interface Int2 { int of(int a, int b); }

    interface Int3 { int of(int a, int b, int c); }

    interface Long1 { long of(long a); }

    interface Long2 { long of(long a, long b); }

    interface Long3 { long of(long a, long b, long c); }

    interface Test { boolean of(int a, int b); }

    interface TestLong { boolean of(long a, long b); }

    static One each(Int1 f) {
        return (d, a) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i]);
            }
        };
    }

    static Two each(Int2 f) {
        return (d, a, b) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i], b[i]);
            }
        };
    }

    static Three each(Int3 f) {
        return (d, a, b, c) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i], b[i], c[i]);
            }
        };
    }

    static OneLong eachLong(Long1 f) {
        return (d, a) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i]);
            }
        };
    }

    static TwoLong eachLong(Long2 f) {
        return (d, a, b) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i], b[i]);
            }
        };
    }

    static ThreeLong eachLong(Long3 f) {
        return (d, a, b, c) -> {
            for (int i = 0; i < 32; i++) {
                d[i] = f.of(a[i], b[i], c[i]);
            }
        };
    }

    static Compare test(Test f) {
        return (a, b) -> {
            int mask = 0;
            for (int i = 0; i < 32; i++) {
                mask |= f.of(a[i], b[i]) ? 1 << i : 0;
            }
            return mask;
        };
    }

    static CompareLong testLong(TestLong f) {
        return (a, b) -> {
            int mask = 0;
            for (int i = 0; i < 32; i++) {
                mask |= f.of(a[i], b[i]) ? 1 << i : 0;
            }
            return mask;
        };
    }
}
