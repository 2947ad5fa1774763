package dev.catena.codegen.tensor;

import dev.catena.ir.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A guess at how much a program computes for given inputs: nodes of expressions, each as often as its loops run. Sizes that
 * follow from the inputs' dimensions and elements are computed; others are taken for the largest that is known.
 */
public final class TensorWork {
    private final List<Tensor> inputs;
    private final Map<String, Long> known = new HashMap<>();
    private long largest = 1;

    private TensorWork(List<Tensor> inputs) {
        this.inputs = inputs;
        for (int i = 0; i < inputs.size(); i++) {
            for (int axis = 0; axis < inputs.get(i).rank(); axis++) {
                known.put("in" + i + "_" + axis, inputs.get(i).dim(axis));
            }
        }
    }

    /** @param inputs of the stage, in order */
    public static double of(TensorProgram program, List<Tensor> inputs) {
        return new TensorWork(inputs).of(program.statements());
    }

    private double of(List<Statement> statements) {
        double work = 0;
        for (Statement statement : statements) {
            if (statement instanceof Statement.Define define) {
                know(define.variable(), define.value());
            } else if (statement instanceof Statement.Assign assign) {
                know(assign.variable(), assign.value());
            } else if (statement instanceof Statement.Compute compute) {
                work += times(compute.nest().loops()) * of(compute.nest().value());
            } else if (statement instanceof Statement.MatMul product) {
                work += times(product.batch()) * extent(product.m()) * extent(product.n()) * extent(product.k());
            } else if (statement instanceof Statement.Call call) {
                double steps = 1;
                for (Scalar size : call.sizes()) {
                    steps *= Math.max(1, extent(size));
                }
                work += steps;
            } else if (statement instanceof Statement.Loop loop) {
                double round = of(loop.body());
                Long trips = value(loop.trips());
                work += (trips == null || trips == Long.MAX_VALUE ? largest : Math.max(0, trips)) * round;
            } else if (statement instanceof Statement.Branch branch) {
                work += Math.max(of(branch.yes()), of(branch.no()));
            }
        }
        return work;
    }

    private void know(Scalar.Variable variable, Scalar value) {
        Long number = value(value);
        if (number == null) {
            known.remove(variable.name());
        } else {
            known.put(variable.name(), number);
        }
    }

    private double times(List<Scalar.Loop> loops) {
        double times = 1;
        for (Scalar.Loop loop : loops) {
            times *= extent(loop.extent());
        }
        return times;
    }

    private double extent(Scalar size) {
        Long number = value(size);
        largest = Math.max(largest, number == null ? 1 : number);
        return number == null ? largest : Math.max(0, number);
    }

    private double of(Scalar x) {
        if (x instanceof Scalar.Reduce reduce) {
            return of(reduce.start()) + times(reduce.loops()) * (1 + of(reduce.body()));
        } else if (x instanceof Scalar.Load load) {
            return 1 + of(load.index());
        } else if (x instanceof Scalar.Unary unary) {
            return 1 + of(unary.x());
        } else if (x instanceof Scalar.Binary binary) {
            return 1 + of(binary.a()) + of(binary.b());
        } else if (x instanceof Scalar.Division division) {
            return 1 + of(division.a()) + of(division.b());
        } else if (x instanceof Scalar.Select select) {
            return 1 + of(select.condition()) + of(select.yes()) + of(select.no());
        } else if (x instanceof Scalar.Convert convert) {
            return 1 + of(convert.x());
        } else if (x instanceof Scalar.Round round) {
            return 1 + of(round.x());
        } else if (x instanceof Scalar.CheckedIndex checked) {
            return 1 + of(checked.index()) + of(checked.extent());
        }
        return 1;
    }

    /** A size, where it follows from the inputs, else null. */
    private Long value(Scalar x) {
        if (x instanceof Scalar.Literal literal) {
            return literal.type().isFloat() ? null : (Long) literal.bits();
        } else if (x instanceof Scalar.Variable variable) {
            return known.get(variable.name());
        } else if (x instanceof Scalar.Convert convert) {
            return convert.type().isFloat() ? null : value(convert.x());
        } else if (x instanceof Scalar.CheckedIndex checked) {
            return value(checked.index());
        } else if (x instanceof Scalar.Select select) {
            Long condition = value(select.condition());
            return condition == null ? null : value(condition != 0 ? select.yes() : select.no());
        } else if (x instanceof Scalar.Load load) {
            Long at = value(load.index());
            Tensor from = load.buffer().owner().place() instanceof Buffer.Input input ? inputs.get(input.index())
                    : load.buffer().owner().place() instanceof Buffer.Constant constant ? constant.value() : null;
            return at == null || from == null || !from.element().isInteger() || at < 0 || at >= from.size() ? null
                    : (Long) from.getLong(at.intValue());
        } else if (x instanceof Scalar.Binary binary) {
            Long a = value(binary.a());
            Long b = value(binary.b());
            return a == null || b == null ? null : value(binary.function(), a, b);
        }
        return null;
    }

    private static Long value(BinaryFunction function, long a, long b) {
        return switch (function) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case QUOTIENT -> b == 0 ? null : (Long) (a / b);
            case REMAINDER -> b == 0 ? null : (Long) (a % b);
            case MAXIMUM -> Math.max(a, b);
            case MINIMUM -> Math.min(a, b);
            case EQUAL -> a == b ? 1L : 0L;
            case LESS -> a < b ? 1L : 0L;
            case LESS_OR_EQUAL -> a <= b ? 1L : 0L;
            case AND -> a & b;
            case OR -> a | b;
            default -> null;
        };
    }
}
