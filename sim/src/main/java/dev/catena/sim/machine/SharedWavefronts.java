package dev.catena.sim.machine;

/**
 * How often shared memory has to be gone through for a request. It has 32 banks of four bytes. A request of 4 bytes a lane or less is
 * one phase of 32 lanes, of 8 bytes two of 16, of 16 bytes (an {@code ldmatrix} row too) four of 8; a phase takes as many wavefronts as
 * the bank with the most different words has of them. Two phases are one where each pair of lanes that differ in the lowest
 * bit, or each that differ in the one above, has equal addresses (NVIDIA's forum, topic 77228, of compute capability 7.0 and later).
 */
final class SharedWavefronts {
    private static final int BANKS = 32;

    private final int[] wordOfBank = new int[BANKS * Warp.LANES];
    private final int[] countOfBank = new int[BANKS];

    /** Wavefronts of the last request. */
    int wavefronts;
    /** What it would have taken without conflicts: its phases with an active lane. */
    int ideal;

    /**
     * @param addresses of the lanes of {@code mask}, in bytes
     * @param bytes     of a lane
     * @param atomic    lanes at one word take turns
     */
    void count(int mask, long[] addresses, int bytes, boolean atomic) {
        wavefronts = 0;
        ideal = 0;
        int lanes = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
        if (bytes > 4 && !atomic && (pairsAreEqual(mask, addresses, 1) || pairsAreEqual(mask, addresses, 2))) {
            lanes *= 2;
        }
        for (int first = 0; first < Warp.LANES; first += lanes) {
            int phase = mask & (lanes == 32 ? -1 : (1 << lanes) - 1 << first);
            if (phase != 0) {
                ideal++;
                wavefronts += phase(phase, addresses, bytes, atomic);
            }
        }
    }

    private static boolean pairsAreEqual(int mask, long[] addresses, int distance) {
        for (int lane = 0; lane < Warp.LANES; lane++) {
            int other = lane ^ distance;
            boolean both = (mask >> lane & 1) != 0 && (mask >> other & 1) != 0;
            if (both && addresses[lane] != addresses[other]) {
                return false;
            }
        }
        return true;
    }

    private int phase(int lanes, long[] addresses, int bytes, boolean atomic) {
        java.util.Arrays.fill(countOfBank, 0);
        int most = 0;
        for (int m = lanes; m != 0; m &= m - 1) {
            long address = addresses[Integer.numberOfTrailingZeros(m)];
            for (long word = address >> 2; word <= address + bytes - 1 >> 2; word++) {
                most = Math.max(most, add((int) word, atomic));
            }
        }
        return most;
    }

    private int add(int word, boolean atomic) {
        int bank = word & BANKS - 1;
        int known = countOfBank[bank];
        for (int i = 0; i < known && !atomic; i++) {
            if (wordOfBank[bank * Warp.LANES + i] == word) {
                return known;
            }
        }
        if (known < Warp.LANES) {
            wordOfBank[bank * Warp.LANES + known] = word;
        }
        return ++countOfBank[bank];
    }
}
