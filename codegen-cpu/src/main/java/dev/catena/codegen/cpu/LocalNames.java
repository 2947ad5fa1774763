package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The names of a program that is one function: everything is a variable of its own. */
final class LocalNames implements FunctionNames {
    private final TensorProgram program;
    /** What the function is given. */
    private final Set<Buffer> outside = new LinkedHashSet<>();

    LocalNames(TensorProgram program) {
        this.program = program;
    }

    @Override
    public String pointer(Buffer buffer) {
        Buffer owner = buffer.owner();
        if (!(owner.place() instanceof Buffer.Allocated)) {
            outside.add(owner);
        }
        return owner.toString();
    }

    @Override
    public String variable(Scalar.Variable variable) {
        return variable.name();
    }

    @Override
    public String counter(Scalar.Variable counter) {
        return counter.name();
    }

    @Override
    public String declare(Scalar.Variable variable) {
        return CScalars.type(variable.type()) + " " + variable.name() + ";";
    }

    @Override
    public String declare(Buffer buffer) {
        return CElement.of(buffer.stored()).storage() + " *" + buffer + ";";
    }

    @Override
    public String define(Scalar.Variable variable) {
        return "const " + CScalars.type(variable.type()) + " " + variable.name();
    }

    @Override
    public String define(Buffer buffer) {
        return CElement.of(buffer.stored()).storage() + " *const " + buffer;
    }

    @Override
    public String assigned(Scalar.Variable variable) {
        return variable.name();
    }

    @Override
    public String assigned(Buffer buffer) {
        return buffer.toString();
    }

    @Override
    public String head() {
        StringBuilder declarations = new StringBuilder();
        for (int i = 0; i < program.inputs().size(); i++) {
            List<Scalar> dims = program.inputs().get(i).dims();
            for (int axis = 0; axis < dims.size(); axis++) {
                declarations.append("  const int64_t in%d_%d = g->inputs[%d].dims[%d];%n".formatted(i, axis, i, axis));
            }
        }
        for (Buffer buffer : outside) {
            String type = CElement.of(buffer.stored()).storage();
            if (buffer.place() instanceof Buffer.Input input) {
                declarations.append("  const %s *const %s = g->inputs[%d].data;%n".formatted(type, buffer, input.index()));
            } else if (buffer.place() instanceof Buffer.Weight weight) {
                declarations.append("  const %s *const %s = g->weights[%d];%n".formatted(type, buffer, weight.index()));
            } else {
                declarations.append(FunctionNames.constant(buffer));
            }
        }
        return declarations.toString();
    }
}
