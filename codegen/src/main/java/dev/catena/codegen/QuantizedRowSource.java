package dev.catena.codegen;

import java.io.IOException;

/** The rows of a quantized matrix, to be read in pieces; any number of threads may read at once. */
public interface QuantizedRowSource {
    MatrixType type();

    /**
     * Reads rows {@code firstRow … firstRow + rowCount − 1}, end to end.
     *
     * @param codes one code a byte, unsigned, at least rowCount · columns
     * @param scales numbers that the type's scale can hold, at least rowCount · groups
     * @param zeros unsigned, at least rowCount · groups; left alone by a symmetric matrix
     */
    void read(int firstRow, int rowCount, byte[] codes, float[] scales, byte[] zeros) throws IOException;
}
