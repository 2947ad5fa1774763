package dev.catena.codegen.tensor;

import dev.catena.ir.IrException;
import dev.catena.ir.WeightData;
import java.util.List;

/**
 * A stage of any operations as steps over tensors, free of any target. Ranks and element types are fixed; dimensions may
 * be known only when it runs, where they are variables.
 *
 * @param inputs     buffers of the stage's arguments, in order; a dimension that isn't a literal is a variable that the
 *                   caller gives
 * @param weights    by the number that {@link Buffer.Weight} has
 * @param operations where operation N came from, for messages
 */
public record TensorProgram(List<Buffer> inputs, List<Buffer> outputs, List<Weight> weights, List<String> operations,
        List<Statement> statements) {
    /** Elements that stay outside the code. */
    public record Weight(String name, WeightData data) {}

    /** A larger program, of ever new shapes, would take compilers minutes. */
    public static final int MOST_KERNELS = 2048;

    public TensorProgram {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        weights = List.copyOf(weights);
        operations = List.copyOf(operations);
        statements = List.copyOf(statements);
    }

    /** That a target's compiler can't be given the source of all of the program, in a line that names the operation where it became too long. */
    public IrException tooMuchSource(int operation, int most) {
        return new IrException(where(operation) + ": the graph's kernels have a source of more than " + most + " characters up to here; cut the model into several");
    }

    /** That a target can't have kernels for all of the program, in a line that names the operation where it became too many. */
    public IrException tooManyKernels(int operation) {
        return new IrException(where(operation) + ": the graph has more than " + MOST_KERNELS
                + " different kernels up to here; cut the model into several");
    }

    private String where(int operation) {
        return operation < 0 ? "inputs" : operations.get(operation);
    }
}
