package dev.catena.runtime.cpu;

/** A shared library with the functions of several graphs, open outside any artifact. */
public final class GraphLibrary implements AutoCloseable {
    private final CodeLibrary code;

    public GraphLibrary(byte[] library) {
        code = new CodeLibrary(library);
    }

    long function(String symbol) {
        long function = code.symbol(symbol);
        if (function == 0) {
            throw new IllegalArgumentException("the library lacks the function " + symbol);
        }
        return function;
    }

    /** After all graphs that have functions in it. */
    @Override
    public void close() {
        code.close();
    }
}
