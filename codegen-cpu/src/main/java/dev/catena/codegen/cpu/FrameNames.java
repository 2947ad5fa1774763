package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.codegen.tensor.c.CElement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The names of a program that is cut into several functions: what one computes and another may read is a slot of a frame. */
final class FrameNames implements FunctionNames {
    /** By a variable's name, or a buffer; all functions share them. */
    private final Map<Object, Integer> slots;
    private final Map<String, String> given;
    /** They live within one statement, so they are variables. */
    private final Set<String> counters = new HashSet<>();
    private final Set<Buffer> constants = new LinkedHashSet<>();

    FrameNames(TensorProgram program) {
        slots = new HashMap<>();
        given = new HashMap<>();
        for (int i = 0; i < program.inputs().size(); i++) {
            for (int axis = 0; axis < program.inputs().get(i).dims().size(); axis++) {
                given.put("in" + i + "_" + axis, "g->inputs[" + i + "].dims[" + axis + "]");
            }
        }
    }

    private FrameNames(FrameNames other) {
        slots = other.slots;
        given = other.given;
    }

    /** The names in another of the functions. */
    FrameNames elsewhere() {
        return new FrameNames(this);
    }

    /** How many slots the frame has. */
    int slots() {
        return slots.size();
    }

    private String slot(Object what) {
        return "f[" + slots.computeIfAbsent(what, w -> slots.size()) + "]";
    }

    @Override
    public String pointer(Buffer buffer) {
        Buffer owner = buffer.owner();
        String type = CElement.of(owner.stored()).storage();
        if (owner.place() instanceof Buffer.Input input) {
            return "((const " + type + " *)g->inputs[" + input.index() + "].data)";
        } else if (owner.place() instanceof Buffer.Weight weight) {
            return "((const " + type + " *)g->weights[" + weight.index() + "])";
        } else if (owner.place() instanceof Buffer.Constant) {
            constants.add(owner);
            return owner.toString();
        }
        return "((" + type + " *)" + slot(owner) + ".data)";
    }

    @Override
    public String variable(Scalar.Variable variable) {
        String fixed = given.get(variable.name());
        return fixed != null ? fixed : counters.contains(variable.name()) ? variable.name() : assigned(variable);
    }

    @Override
    public String counter(Scalar.Variable counter) {
        counters.add(counter.name());
        return counter.name();
    }

    @Override
    public String declare(Scalar.Variable variable) {
        return "";
    }

    @Override
    public String declare(Buffer buffer) {
        return "";
    }

    @Override
    public String define(Scalar.Variable variable) {
        return assigned(variable);
    }

    @Override
    public String define(Buffer buffer) {
        return assigned(buffer);
    }

    @Override
    public String assigned(Scalar.Variable variable) {
        return slot(variable.name()) + "." + variable.type().name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String assigned(Buffer buffer) {
        return slot(buffer) + ".data";
    }

    @Override
    public String head() {
        StringBuilder text = new StringBuilder();
        constants.forEach(constant -> text.append(FunctionNames.constant(constant)));
        return text.toString();
    }
}
