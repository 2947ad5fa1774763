package dev.catena.sim.machine;

/**
 * Where a matrix of 16-bit elements lies in shared memory, as {@code wgmma} takes it (PTX ISA 9.7.15.5.1.2, "Strides", "Canonical
 * Layouts" and "Matrix Descriptor Format"). Rows are those of A (m) or the columns of B (n); 16 bytes of it are eight neighbours
 * along k ("K-major"), or along the rows.
 *
 * @param swizzle bytes of a pattern's row: 16 (none), 32, 64 or 128
 */
record MatrixDescriptor(int start, int leading, int stride, int swizzle) {
    /** Elements in 16 bytes. */
    private static final int PIECE = 8;

    /** @return null where the bits describe no layout that is known */
    static MatrixDescriptor of(long bits) {
        int swizzle = switch ((int) (bits >>> 62)) {
            case 0 -> 16;
            case 1 -> 128;
            case 2 -> 64;
            default -> 32;
        };
        MatrixDescriptor read = new MatrixDescriptor(field(bits, 0), field(bits, 16), field(bits, 32), swizzle);
        boolean others = (bits & 0x3FF1_C000_C000_C000L) != 0;
        boolean baseOffset = (bits >>> 49 & 7) != 0;
        return others || baseOffset ? null : read;
    }

    private static int field(long bits, int from) {
        return (int) (bits >>> from & 0x3FFF) << 4;
    }

    /** Whether the swizzle repeats where the next eight rows, or the next eight k, begin. */
    boolean repeats(boolean alongK) {
        return swizzle == 16 || stride % (8 * swizzle) == 0 && (alongK || leading % (8 * swizzle) == 0);
    }

    /**
     * Where the 16 bytes lie that hold an element, before which they hold {@code (alongK ? k : row) % 8} others.
     *
     * @param alongK whether they are neighbours along k
     */
    int piece(int row, int k, boolean alongK) {
        int offset;
        if (alongK) {
            offset = row % 8 * swizzle + row / 8 * stride + k / PIECE * (swizzle == 16 ? leading : 16);
        } else if (swizzle == 16) {
            offset = k % 8 * 16 + row / PIECE * stride + k / 8 * leading;
        } else {
            int wide = swizzle / 2;      // elements of a row of the pattern
            offset = row % wide / PIECE * 16 + k % 8 * swizzle + row / wide * leading + k / 8 * stride;
        }
        int address = start + offset;
        return address ^ (address >>> 3 & swizzle - 16);
    }
}
