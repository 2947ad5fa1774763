package dev.catena.runtime;

import dev.catena.artifact.GraphDescription;

/** What a graph takes of whoever runs it, and what it reports back (docs/tensor-abi.md), on any device. */
public final class TensorContract {
    /** What is reported when there isn't enough memory. */
    public static final int MEMORY = 4;

    private static final String[] FAILURES = {"", "the shapes do not fit", "an index is out of range", "an integer is divided by zero",
        "there is not enough memory", "an operand has a value that it can't have"};

    private TensorContract() {}

    /** @throws TensorException where a value isn't what the graph takes there */
    public static void check(GraphDescription.Port port, TensorValue value) {
        boolean fits = port.type().equals(value.type()) && (anyShape(port) || port.dims().size() == value.dims().length);
        for (int axis = 0; fits && !anyShape(port) && axis < value.dims().length; axis++) {
            String wanted = port.dims().get(axis);
            fits = wanted.startsWith("?") || wanted.equals(Long.toString(value.dims()[axis]));
        }
        if (!fits) {
            throw new TensorException("input '" + port.name() + "' is " + value + ", the model takes " + port.text());
        }
    }

    /** Whether nobody reads more of an input than its type. */
    public static boolean anyShape(GraphDescription.Port port) {
        return port.dims().equals(GraphDescription.ANY);
    }

    /** Bytes of a result. @throws TensorException where no buffer can hold them */
    public static int bytes(GraphDescription.Port port, long[] dims) {
        long bytes = TensorValue.width(port.type());
        for (long dim : dims) {
            bytes *= dim;      // the graph has found them small enough to be allocated
        }
        if (bytes > Integer.MAX_VALUE - 8) {
            throw new TensorException("output '" + port.name() + "' has " + bytes + " bytes, more than one result can have");
        }
        return (int) bytes;
    }

    /** @param error operation × 16 + what; operation −1 − i is input i */
    public static TensorException failure(GraphDescription description, long error) {
        long operation = Math.floorDiv(error, 16L);
        int what = (int) Math.floorMod(error, 16L);
        String why = what < FAILURES.length ? FAILURES[what] : "failure " + what;
        if (operation < 0) {
            GraphDescription.Port port = description.inputs().get((int) Math.min(-1 - operation, description.inputs().size() - 1L));
            return new TensorException("input '" + port.name() + "' (" + port.text() + "): its shape does not fit the other inputs");
        }
        String where = operation < description.operations().size() ? description.operations().get((int) operation) : "operation " + operation;
        return new TensorException(where + ": " + why);
    }
}
