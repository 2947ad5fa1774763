package dev.catena.codegen.cuda;

/**
 * What a block of linear_many_rows.cuh multiplies: {@code rows} of x with 32 outputs for each of {@code outputWarps}; {@code rowWarps}
 * share the rows. Large tiles read shared memory less often for each product, small ones leave no multiprocessor idle: a
 * matrix of 4096 outputs is 32 blocks of 128 for each tile of rows.
 */
record ManyRowTile(int rows, int outputWarps, int rowWarps) {
    private static final int OUTPUTS_OF_WARP = 32;
    /** From so many rows on, even a card with 132 multiprocessors has work for all with tiles of 128 rows. */
    private static final int ROWS_FOR_LARGE_TILES = 512;

    /** For steps of up to so many rows. */
    static ManyRowTile of(int rows) {
        if (rows >= ROWS_FOR_LARGE_TILES) {
            return new ManyRowTile(128, 4, 2);
        }
        int tile = Math.min(64, (rows + 15) / 16 * 16);
        return new ManyRowTile(tile, tile <= 32 ? 2 : 4, 1);
    }

    ManyRowTile withOutputWarps(int count) {
        return new ManyRowTile(rows, count, rowWarps);
    }

    /** Stages of x in shared memory, where nothing else was measured. @param parts halves that an element of x becomes */
    int stages(int parts) {
        return rows * parts > 128 ? 3 : 4;
    }

    int outputs() {
        return outputWarps * OUTPUTS_OF_WARP;
    }

    int threads() {
        return outputWarps * rowWarps * 32;
    }
}
