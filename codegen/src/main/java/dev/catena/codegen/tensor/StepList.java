package dev.catena.codegen.tensor;

import dev.catena.ir.IrException;
import dev.catena.ir.Operation;
import dev.catena.ir.StepLimit;
import java.util.ArrayList;
import java.util.List;

/** The steps of a program as they are made: of which operation, by what names, and where threads wait for each other. */
final class StepList {
    private final List<String> operations = new ArrayList<>();
    private List<Statement> statements = new ArrayList<>();
    private int statementsMade;
    private int names;
    /** Whether threads have read memory since they last waited for each other. */
    private boolean memoryRead;

    /** What follows is the code of {@code op}. */
    void begin(Operation op) {
        operations.add(op.origin().isEmpty() ? op.name() : op.origin() + " (" + op.name() + ")");
        add(new Statement.Operation(operation(), op.name()));
    }

    /** The number of the operation whose code is made; -1 before the first. */
    int operation() {
        return operations.size() - 1;
    }

    List<String> operations() {
        return operations;
    }

    List<Statement> statements() {
        return statements;
    }

    void add(Statement statement) {
        if (++statementsMade > StepLimit.MOST_STEPS) {
            throw refuse(StepLimit.REFUSAL);
        }
        statements.add(statement);
    }

    /** What {@code body} adds, apart from what was added so far. */
    List<Statement> apart(Runnable body) {
        List<Statement> outer = statements;
        boolean outerRead = memoryRead;
        statements = new ArrayList<>();
        body.run();
        List<Statement> made = statements;
        statements = outer;
        memoryRead |= outerRead;
        return made;
    }

    Scalar.Variable name(ScalarType type, String hint) {
        return new Scalar.Variable(type, hint + names++);
    }

    /** A value that every thread computes, as a literal or a variable. */
    Scalar define(Scalar value) {
        if (value instanceof Scalar.Literal || value instanceof Scalar.Variable) {
            return value;
        }
        reads(value);
        Scalar.Variable variable = name(value.type(), "n");
        add(new Statement.Define(variable, value));
        return variable;
    }

    /** Ends the run where the condition doesn't hold; an error now where it is known not to. */
    void check(Scalar condition, Failure failure) {
        if (Index.isKnown(condition)) {
            if (Index.value(condition) == 0) {
                throw refuse("shapes do not fit");
            }
            return;
        }
        reads(condition);
        add(new Statement.Check(condition, failure, operation()));
    }

    /** Notes that every thread computes {@code value}, which may be in memory. */
    void reads(Scalar value) {
        memoryRead |= value.reads(buffer -> true);
    }

    /** A step that threads share and all wait for the end of. */
    void addShared(Statement statement) {
        settle();
        add(statement);
        add(new Statement.Barrier());
    }

    /** What all threads have read, none may write over before all have read it. */
    void settle() {
        if (memoryRead) {
            add(new Statement.Barrier());
            memoryRead = false;
        }
    }

    /** An error of the operation whose code is made, in one line. */
    IrException refuse(String why) {
        return new IrException((operations.isEmpty() ? "inputs" : operations.get(operation())) + ": " + why);
    }
}
