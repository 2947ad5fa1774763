package dev.catena.codegen;

import java.io.IOException;

/** The rows of a matrix, to be read in pieces; any number of threads may read at once. */
public interface RowSource {
    int rows();

    int columns();

    /**
     * Reads rows {@code firstRow … firstRow + rowCount − 1}, end to end.
     *
     * @param destination of at least rowCount · columns
     */
    void read(int firstRow, int rowCount, float[] destination) throws IOException;
}
