package dev.catena.codegen;

/**
 * The cache pages of one stage, as docs/kv-layout.md lays them out.
 *
 * @param heads KV heads
 * @param dim elements of a head
 */
public record KvFormat(Element k, Element v, int heads, int dim) {
    /** Positions in a page. */
    public static final int PAGE = 64;

    /** How a cached element is stored. */
    public enum Element {
        F32(32), F16(16), U8(8), U4(4);

        private final int bits;

        Element(int bits) {
            this.bits = bits;
        }

        public int bits() {
            return bits;
        }

        public boolean quantized() {
            return this == U8 || this == U4;
        }
    }

    public KvFormat {
        if (heads < 1 || dim < 1 || (dim % 2 != 0 && (k == Element.U4 || v == Element.U4))) {
            throw new IllegalArgumentException("cache of " + heads + " heads of " + dim);
        }
    }

    /** Where the (scale, minimum) pairs of the keys start within a head's part of a page. */
    public int kPairsOffset() {
        return codesBytes(k);
    }

    /** Where the values start within a head's part of a page. */
    public int vOffset() {
        return kPairsOffset() + pairsBytes(k);
    }

    /** Where the (scale, minimum) pairs of the values start within a head's part of a page. */
    public int vPairsOffset() {
        return vOffset() + codesBytes(v);
    }

    /** Bytes of one head's part of a page. */
    public int headBytes() {
        return vPairsOffset() + pairsBytes(v);
    }

    /** Bytes of a page: all its heads, one after the other. */
    public long pageBytes() {
        return (long) heads * headBytes();
    }

    private int codesBytes(Element element) {
        return (PAGE * dim * element.bits() / 8 + 15) / 16 * 16;
    }

    private static int pairsBytes(Element element) {
        return element.quantized() ? PAGE * 4 : 0;
    }
}
