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
    /**
     * Rows whose tiles are multiplied side by side. A card runs one or two hundred blocks together: with 1024 rows and some 2048 outputs these read
     * from memory hardly more than in any other shape, whether weights have 4 bits or 16, where tiles of all outputs one after the other would
     * read all weights again for each tile of rows.
     */
    private static final int ROWS_OF_GROUP = 1024;

    /** For steps of up to so many rows. */
    static ManyRowTile of(int rows) {
        if (rows >= ROWS_FOR_LARGE_TILES) {
            return new ManyRowTile(128, 4, 2);
        }
        int tile = Math.min(64, (rows + 15) / 16 * 16);
        return new ManyRowTile(tile, tile <= 32 ? 2 : 4, 1);
    }

    /** Blocks for so many outputs and rows. */
    int[] grid(int allOutputs, int allRows) {
        return grid(allOutputs, outputs(), allRows, rows);
    }

    /** Tiles of rows side by side, tiles of outputs, groups of such tiles of rows: blocks that run together share both in level 2. */
    static int[] grid(int allOutputs, int outputs, int allRows, int rows) {
        int rowTiles = (allRows + rows - 1) / rows;
        int most = ROWS_OF_GROUP / rows;
        int groups = (rowTiles + most - 1) / most;
        return new int[] {(rowTiles + groups - 1) / groups, (allOutputs + outputs - 1) / outputs, groups};
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
