package dev.catena.codegen.tensor;

import dev.catena.codegen.tensor.onnx.OnnxCode;
import dev.catena.ir.Block;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Trait;
import dev.catena.ir.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * From a stage of any operations to a {@link TensorProgram}. A result that one operation alone reads stays an expression,
 * and becomes part of its reader's loops; others are computed into memory, which is given back after their last reader.
 */
public final class TensorLowering {
    /** Larger expressions are computed into memory, so that no loop's body grows without end. */
    private static final int LARGEST_EXPRESSION = 96;

    /** Transposes and slices of each other, too, though the expression stays small. */
    private static final int MOST_LINKS = 256;

    private final StepList steps = new StepList();
    private final SymbolSizes sizes = new SymbolSizes(steps);
    private final ProgramMemory memory = new ProgramMemory(steps, sizes);
    private final TensorBuilder builder = new TensorBuilder(steps, sizes, memory);
    private final ControlFlow control = new ControlFlow(steps, sizes, memory, builder);
    /** By buffer: how many known values read it. */
    private final Map<Buffer, Integer> readers = new HashMap<>();

    private TensorLowering() {}

    /** @throws IrException naming the node, where an operation has no code */
    public static TensorProgram of(Stage stage) {
        return new TensorLowering().lower(stage);
    }

    private TensorProgram lower(Stage stage) {
        Map<Value, Array> known = new IdentityHashMap<>();
        List<Buffer> inputs = new ArrayList<>();
        for (Value argument : stage.arguments()) {
            Buffer buffer = memory.input(inputs.size(), argument.tensorType(), isRead(argument));
            inputs.add(buffer);
            known.put(argument, Array.of(buffer));
        }
        operations(stage, known);
        List<Buffer> outputs = new ArrayList<>();
        for (Value output : stage.outputs()) {
            Buffer buffer = builder.inMemory(valueOf(output, known)).buffer();
            steps.add(new Statement.Output(outputs.size(), buffer));
            outputs.add(buffer);
        }
        return new TensorProgram(inputs, outputs, memory.weights(), steps.operations(), steps.statements());
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
            steps.begin(op);
            List<Array> results = op.is("onnx.If") ? branch(op, known) : op.is("onnx.Loop") ? loop(op, known) : code(op, known);
            for (int i = 0; i < op.results().size(); i++) {
                Value result = op.result(i);
                if (result.uses().isEmpty() || i >= results.size() || results.get(i) == null) {
                    continue;
                }
                Array array = results.get(i);
                require(op, result, array);
                Array kept = keptAsExpression(result, array) ? array : builder.inMemory(array);
                known.put(result, kept);
                kept.reads().forEach(buffer -> readers.merge(buffer, 1, Integer::sum));
                left.put(result, result.uses().size());
            }
            memory.release(forget(op, known, left), readers::containsKey);
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
        if (array.links() > MOST_LINKS) {
            return false;
        }
        List<Scalar> somewhere = TensorBuilder.counters(builder.loops(array.dims()));
        return array.at(somewhere).size() <= LARGEST_EXPRESSION;
    }

    private Array valueOf(Value v, Map<Value, Array> known) {
        if (v.weight() != null) {
            return memory.weight(v.weight().name(), v.weight().data());
        }
        Array array = known.get(v);
        if (array == null) {
            throw new IrException("%" + v.name() + " is used before it is computed");
        }
        return array;
    }

    /** Operands that nobody else will read are known no longer; gives the buffers that none of those left reads. */
    private List<Buffer> forget(Operation op, Map<Value, Array> known, Map<Value, Integer> left) {
        List<Buffer> unread = new ArrayList<>();
        for (Value operand : op.operands()) {
            if (operand != null && left.containsKey(operand) && left.merge(operand, -1, Integer::sum) == 0) {
                for (Buffer buffer : known.remove(operand).reads()) {
                    if (readers.computeIfPresent(buffer, (b, count) -> count == 1 ? null : count - 1) == null) {
                        unread.add(buffer);
                    }
                }
            }
        }
        return unread;
    }

    /** Results of both sides in memory of their own, so that what follows need not know which side was taken. */
    private List<Array> branch(Operation op, Map<Value, Array> known) {
        Array condition = valueOf(op.operand(0), known);
        Scalar holds = first(condition);
        List<Buffer> results = op.results().stream().map(result -> control.declare(result.tensorType())).toList();
        List<Statement> yes = control.section(() -> region(op, 0, results, known));
        List<Statement> no = control.section(() -> region(op, 1, results, known));
        control.branch(holds, yes, no);
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
            control.assign(results.get(i), valueOf(block.outputs().get(i), known));
        }
        memory.releaseAll(buffer -> false);
    }

    /** What goes round is in memory of its own in each round; slices are stored as they come where all sizes are known. */
    private List<Array> loop(Operation op, Map<Value, Array> known) {
        Block body = op.regions().get(0);
        int carried = (int) op.intAttribute("carried");
        List<Value> given = op.regionOperands();
        Scalar trips = op.operand(0) == null ? Index.of(Long.MAX_VALUE) : OperationSite.convert(first(valueOf(op.operand(0), known)), ScalarType.INDEX);
        Scalar bound = builder.define(Index.maximum(Index.ZERO, trips));
        Scalar condition = op.operand(1) == null ? Index.truth(true) : first(valueOf(op.operand(1), known));
        boolean allRounds = op.operand(0) != null && Index.isKnown(condition) && isTrue(body.outputs().get(0));
        List<Buffer> states = new ArrayList<>();
        for (int i = 0; i < carried; i++) {
            states.add(control.carried(body.arguments().get(i).tensorType(), valueOf(given.get(i), known)));
        }
        List<Buffer> stacks = new ArrayList<>();
        List<Boolean> whole = new ArrayList<>();
        for (Value slice : body.outputs().subList(carried + 1, body.outputs().size())) {
            TensorType type = slice.tensorType();
            List<Scalar> dims = new ArrayList<>(List.of(bound));
            type.shape().forEach(dim -> dims.add(sizes.known(dim)));
            whole.add(allRounds && !dims.contains(null));
            stacks.add(allRounds && !dims.contains(null) ? builder.allocate(type.element(), dims) : emptyStack(type));
        }
        control.repeat(bound, condition, round -> body(op, round, states, stacks, whole, known));
        List<Array> results = new ArrayList<>(states.stream().map(Array::of).toList());
        stacks.forEach(stack -> results.add(Array.of(stack)));
        return results;
    }

    private Buffer emptyStack(TensorType slice) {
        List<Dim> unknown = new ArrayList<>(List.of(Dim.symbol("rounds")));
        unknown.addAll(slice.shape());
        List<Scalar> none = new ArrayList<>(List.of(Index.ZERO));
        slice.shape().forEach(dim -> none.add(dim.isKnown() ? Index.of(dim.value()) : Index.ZERO));
        return control.carried(slice.withShape(unknown), Array.of(builder.allocate(slice.element(), none)));
    }

    /** The code of a round; gives whether there is a next one. */
    private Scalar body(Operation op, Scalar round, List<Buffer> states, List<Buffer> stacks, List<Boolean> whole, Map<Value, Array> outer) {
        Block body = op.regions().get(0);
        Map<Value, Array> known = new IdentityHashMap<>();
        List<Value> given = op.regionOperands();
        for (int i = 0; i < given.size(); i++) {
            known.put(body.arguments().get(i), i < states.size() ? Array.of(states.get(i)) : valueOf(given.get(i), outer));
        }
        operations(body, known);
        Scalar goOn = builder.define(first(valueOf(body.outputs().get(0), known)));
        List<Buffer> next = new ArrayList<>(states);
        List<Array> values = new ArrayList<>();
        for (int i = 0; i < states.size(); i++) {
            values.add(valueOf(body.outputs().get(i + 1), known));
        }
        for (int i = 0; i < stacks.size(); i++) {
            Array slice = builder.cheap(valueOf(body.outputs().get(states.size() + 1 + i), known));
            if (whole.get(i)) {
                for (int axis = 0; axis < slice.rank(); axis++) {
                    builder.check(Index.equal(slice.dim(axis), stacks.get(i).dims().get(axis + 1)), Failure.SHAPE);
                }
                builder.storeAt(stacks.get(i), round, slice);
            } else {
                next.add(stacks.get(i));
                values.add(control.stacked(stacks.get(i), round, slice));
            }
        }
        control.advance(next, values);
        return goOn;
    }

    private static boolean isTrue(Value v) {
        return v.constant() != null && v.constant().size() == 1 && v.constant().getLong(0) != 0;
    }

    /** The only element. */
    private static Scalar first(Array single) {
        return single.at(single.dims().stream().map(dim -> Index.ZERO).toList());
    }
}
