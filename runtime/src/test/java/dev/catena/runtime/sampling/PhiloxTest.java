package dev.catena.runtime.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.api.Test;

class PhiloxTest {
    /** The lines for philox4x32-10 of Random123's kat_vectors: counter, key, expected. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "00000000 00000000 00000000 00000000 | 00000000 00000000 | 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        "ffffffff ffffffff ffffffff ffffffff | ffffffff ffffffff | 408f276d 41c83b0e a20bc7c6 6d5451fd",
        "243f6a88 85a308d3 13198a2e 03707344 | a4093822 299f31d0 | d16cfe09 94fdcceb 5001e420 24126ea1"})
    void agreesWithThePublishedVectors(String counter, String key, String expected) {
        int[] block = words(counter);
        int[] keys = words(key);
        Philox.encrypt(block, keys[0], keys[1]);
        assertArrayEquals(words(expected), block);
    }

    @Test
    void uniformUsesBothHalvesOfSeedAndCounter() {
        int[] scratch = new int[4];
        double base = Philox.uniform(1, 2, scratch);
        assertEquals(base, Philox.uniform(1, 2, scratch), "depends on seed and counter alone");
        assertNotEquals(base, Philox.uniform(1 + (1L << 32), 2, scratch));
        assertNotEquals(base, Philox.uniform(1, 2 + (1L << 32), scratch));
        // From the published vector for counter 0, key 0.
        assertEquals(((0x6627e8d5L >>> 5) * 0x1p26 + (0xe169c58dL >>> 6)) * 0x1p-53, Philox.uniform(0, 0, scratch));
    }

    @Test
    void uniformFillsTheUnitIntervalEvenly() {
        int[] scratch = new int[4];
        int[] bins = new int[64];
        int draws = 64_000;
        for (int i = 0; i < draws; i++) {
            bins[(int) (Philox.uniform(7, i, scratch) * bins.length)]++;
        }
        double chiSquare = 0;
        for (int bin : bins) {
            chiSquare += (bin - 1000.0) * (bin - 1000.0) / 1000.0;
        }
        // 63 degrees of freedom: above 122 with probability 1e-5, and the draws are fixed.
        assertTrue(chiSquare < 122, "chi-square " + chiSquare);
    }

    private static int[] words(String hex) {
        String[] parts = hex.trim().split(" ");
        int[] words = new int[parts.length];
        for (int i = 0; i < parts.length; i++) {
            words[i] = Integer.parseUnsignedInt(parts[i], 16);
        }
        return words;
    }
}
