package dev.catena.codegen.tensor;

import dev.catena.codegen.tensor.onnx.OnnxCode;
import dev.catena.ir.Block;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * From a stage of any operations to a {@link TensorProgram}. A result that one operation alone reads stays an expression,
 * and becomes part of its reader's loops; others are computed into memory, which is given back after their last reader.
 */
public final class TensorLowering {
    /** Larger expressions are computed into memory, so that no loop's body grows without end. */
    private static final int LARGEST_EXPRESSION = 96;

    private final TensorBuilder builder = new TensorBuilder();

    private TensorLowering() {}

    /** @throws IrException naming the node, where an operation has no code */
    public static TensorProgram of(Stage stage) {
        return new TensorLowering().lower(stage);
    }

    private TensorProgram lower(Stage stage) {
        Map<Value, Array> known = new IdentityHashMap<>();
        List<Buffer> inputs = new ArrayList<>();
        for (Value argument : stage.arguments()) {
            Buffer buffer = builder.input(inputs.size(), argument.tensorType(), isRead(argument));
            inputs.add(buffer);
            known.put(argument, Array.of(buffer));
        }
        operations(stage, known);
        List<Buffer> outputs = new ArrayList<>();
        for (Value output : stage.outputs()) {
            Buffer buffer = builder.inMemory(valueOf(output, known)).buffer();
            builder.output(outputs.size(), buffer);
            outputs.add(buffer);
        }
        return new TensorProgram(inputs, outputs, builder.weights(), builder.operations(), builder.statements());
    }

    /** Whether anything reads more of an argument than its element type. */
    public static boolean isRead(Value argument) {
        return argument.uses().stream().anyMatch(use -> use.user() == null || !use.user().is("onnx.CastLike") || use.index() != 1);
    }

    private void operations(Block block, Map<Value, Array> known) {
        Map<Value, Integer> left = new IdentityHashMap<>();
        for (Operation op : block.operations()) {
            if (op.definition().has(Trait.CONSTANT)) {
                known.put(op.result(), builder.constant(constant(op)));
                continue;
            }
            builder.begin(op);
            List<Array> results = op.is("onnx.If") ? branch(op, known) : code(op, known);
            for (int i = 0; i < op.results().size(); i++) {
                Value result = op.result(i);
                if (result.uses().isEmpty() || i >= results.size() || results.get(i) == null) {
                    continue;
                }
                Array array = results.get(i);
                require(op, result, array);
                known.put(result, keptAsExpression(result, array) ? array : builder.inMemory(array));
                left.put(result, result.uses().size());
            }
            forget(op, known, left);
            builder.release(needed(known));
        }
    }

    private static Tensor constant(Operation op) {
        Tensor value = op.result().constant();
        if (value == null || value.element() == ElementType.STRING) {
            throw op.broken("is a constant that code can't hold");
        }
        return value;
    }

    private List<Array> code(Operation op, Map<Value, Array> known) {
        OperationCode code = OnnxCode.of(op.name());
        if (code == null) {
            throw op.broken("has no code: it can be imported, not compiled");
        }
        List<Array> operands = new ArrayList<>();
        for (Value v : op.operands()) {
            operands.add(v == null ? null : valueOf(v, known));
        }
        return code.of(new OperationSite(op, operands, builder));
    }

    private void require(Operation op, Value result, Array array) {
        TensorType type = result.tensorType();
        if (array.element() != type.element() || array.rank() != type.rank()) {
            throw new IllegalStateException(op.origin() + ": code of " + op.name() + " gives " + array.element() + " of rank "
                    + array.rank() + " for " + type.text());
        }
    }

    private boolean keptAsExpression(Value result, Array array) {
        if (array.buffer() != null) {
            return true;
        }
        if (result.uses().size() != 1 || result.uses().get(0).user() == null || !result.uses().get(0).user().regions().isEmpty()) {
            return false;
        }
        List<Scalar> somewhere = TensorBuilder.counters(builder.loops(array.dims()));
        return array.at(somewhere).size() <= LARGEST_EXPRESSION;
    }

    private Array valueOf(Value v, Map<Value, Array> known) {
        if (v.weight() != null) {
            return builder.weight(v.weight().name(), v.weight().data());
        }
        Array array = known.get(v);
        if (array == null) {
            throw new IrException("%" + v.name() + " is used before it is computed");
        }
        return array;
    }

    /** Operands that nobody else will read are known no longer. */
    private static void forget(Operation op, Map<Value, Array> known, Map<Value, Integer> left) {
        for (Value operand : op.operands()) {
            if (operand != null && left.containsKey(operand) && left.merge(operand, -1, Integer::sum) == 0) {
                known.remove(operand);
            }
        }
    }

    private static Set<Buffer> needed(Map<Value, Array> known) {
        Set<Buffer> needed = new LinkedHashSet<>();
        known.values().forEach(array -> needed.addAll(array.reads()));
        return needed;
    }

    /** Results of both sides in memory of their own, so that what follows need not know which side was taken. */
    private List<Array> branch(Operation op, Map<Value, Array> known) {
        Array condition = valueOf(op.operand(0), known);
        Scalar holds = condition.at(condition.dims().stream().map(dim -> Index.ZERO).toList());
        List<Buffer> results = op.results().stream().map(result -> builder.declare(result.tensorType())).toList();
        TensorBuilder.Section yes = builder.section(() -> region(op, 0, results, known));
        TensorBuilder.Section no = builder.section(() -> region(op, 1, results, known));
        builder.branch(holds, yes, no);
        return results.stream().map(Array::of).toList();
    }

    private void region(Operation op, int which, List<Buffer> results, Map<Value, Array> outer) {
        Block block = op.regions().get(which);
        Map<Value, Array> known = new IdentityHashMap<>();
        List<Value> given = op.regionOperands();
        for (int i = 0; i < given.size(); i++) {
            known.put(block.arguments().get(i), valueOf(given.get(i), outer));
        }
        operations(block, known);
        for (int i = 0; i < results.size(); i++) {
            builder.assign(results.get(i), valueOf(block.outputs().get(i), known));
        }
        builder.release(Set.of());
    }
}
