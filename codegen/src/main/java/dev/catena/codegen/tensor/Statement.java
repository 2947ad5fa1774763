package dev.catena.codegen.tensor;

import java.util.List;

/** One step of a {@link TensorProgram}; each thread of a team carries out all of them, and they share nests and kernels. */
public sealed interface Statement {
    /** What follows belongs to this operation. */
    record Operation(int number, String text) implements Statement {}

    /** Names a value, which every thread computes for itself. */
    record Define(Scalar.Variable variable, Scalar value) implements Statement {}

    /** Sets a variable that {@link Declare} has made. */
    record Assign(Scalar.Variable variable, Scalar value) implements Statement {}

    /** A variable that both sides of a {@link Branch} set. */
    record Declare(Scalar.Variable variable) implements Statement {}

    /** Ends the run where the condition doesn't hold. */
    record Check(Scalar condition, Failure failure, int operation) implements Statement {}

    /** Ends the run where a tensor of these dimensions would have more elements than any memory. */
    record CheckSize(List<Scalar> dims, int operation) implements Statement {}

    /** Takes memory for a buffer; its size is checked. */
    record Allocate(Buffer buffer, int operation) implements Statement {}

    /** A buffer that both sides of a {@link Branch} set. */
    record DeclareBuffer(Buffer buffer) implements Statement {}

    /** Makes {@code buffer} mean the memory of {@code of}. */
    record AssignBuffer(Buffer buffer, Buffer of) implements Statement {}

    /** Gives memory back. */
    record Release(Buffer buffer) implements Statement {}

    record Compute(Nest nest) implements Statement {}

    /**
     * Matrix products: for each index of {@code batch}, c [m, n] = a [m, k] · b [k, n], summed in {@code sum}.
     *
     * @param aOffset   where a's matrix starts, over the batch's counters; likewise for b
     */
    record MatMul(Buffer c, Buffer a, Buffer b, List<Scalar.Loop> batch, Scalar m, Scalar k, Scalar n, Scalar aOffset,
            Scalar bOffset, ScalarType sum) implements Statement {}

    /** Calls a kernel of the target's by its name, on one thread: buffers as pointers, then sizes. */
    record Call(String kernel, Buffer output, List<Buffer> buffers, List<Scalar> sizes) implements Statement {}

    /** All threads have done what stands before. */
    record Barrier() implements Statement {}

    record Branch(Scalar condition, List<Statement> yes, List<Statement> no) implements Statement {}

    /**
     * Runs the body while {@code goOn} holds, at most {@code trips} times; the counter counts from 0. What the body defines
     * ends with each round; what it assigns was declared before.
     */
    record Loop(Scalar.Variable counter, Scalar trips, Scalar.Variable goOn, List<Statement> body) implements Statement {}

    /** Gives a result to the caller. */
    record Output(int index, Buffer buffer) implements Statement {}
}
