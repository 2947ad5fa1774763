package dev.catena.runtime.sampling;

/**
 * Philox4x32-10, the counter-based random number generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3" (SC 2011). It has no state: a draw is a function of key and counter, so a token's draw depends on
 * the seed and its position alone, and a session that was rolled back, forked or batched with others draws the same.
 */
public final class Philox {
    private static final int MULTIPLIER_0 = 0xD2511F53;
    private static final int MULTIPLIER_1 = 0xCD9E8D57;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;
    private static final int ROUNDS = 10;

    private Philox() {
    }

    /**
     * Encrypts a counter in place.
     *
     * @param block four words: the counter, least significant first; becomes four random words
     * @param key0  low word of the key
     * @param key1  high word of the key
     */
    public static void encrypt(int[] block, int key0, int key1) {
        int c0 = block[0];
        int c1 = block[1];
        int c2 = block[2];
        int c3 = block[3];
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = Integer.toUnsignedLong(MULTIPLIER_0) * Integer.toUnsignedLong(c0);
            long product1 = Integer.toUnsignedLong(MULTIPLIER_1) * Integer.toUnsignedLong(c2);
            c0 = (int) (product1 >>> 32) ^ c1 ^ key0;
            c2 = (int) (product0 >>> 32) ^ c3 ^ key1;
            c1 = (int) product1;
            c3 = (int) product0;
            key0 += WEYL_0;
            key1 += WEYL_1;
        }
        block[0] = c0;
        block[1] = c1;
        block[2] = c2;
        block[3] = c3;
    }

    /**
     * The uniform number that belongs to a seed and a counter.
     *
     * @param scratch four words, overwritten
     * @return at least 0 and below 1, a multiple of 2^-53
     */
    public static double uniform(long seed, long counter, int[] scratch) {
        scratch[0] = (int) counter;
        scratch[1] = (int) (counter >>> 32);
        scratch[2] = 0;
        scratch[3] = 0;
        encrypt(scratch, (int) seed, (int) (seed >>> 32));
        long bits = ((long) (scratch[0] >>> 5) << 26) | (scratch[1] >>> 6);
        return bits * 0x1p-53;
    }
}
