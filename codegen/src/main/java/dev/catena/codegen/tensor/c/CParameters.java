package dev.catena.codegen.tensor.c;

import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Names for what a function reads of what stands outside it, by the order in which it is met: two functions that do the same
 * are the same text.
 */
public final class CParameters implements CScalars.Names {
    /** Something outside, and how the function calls it. */
    public sealed interface Parameter {
        String name();
    }

    /** @param buffer the one that owns the memory */
    public record Pointer(String name, Buffer buffer) implements Parameter {}

    public record Value(String name, Scalar.Variable variable) implements Parameter {}

    /** The number by which an operation's errors are reported. */
    public record Operation(String name, int number) implements Parameter {}

    private final Map<Object, String> names = new LinkedHashMap<>();
    private final List<Parameter> parameters = new ArrayList<>();

    /** In the order in which they were met. */
    public List<Parameter> all() {
        return parameters;
    }

    @Override
    public String pointer(Buffer buffer) {
        Buffer owner = buffer.owner();
        String known = names.get(owner);
        return known != null ? known : add(owner, new Pointer("p" + names.size(), owner));
    }

    @Override
    public String variable(Scalar.Variable variable) {
        String known = names.get(variable.name());
        return known != null ? known : add(variable.name(), new Value("n" + names.size(), variable));
    }

    @Override
    public String counter(Scalar.Variable counter) {
        return names.computeIfAbsent(counter.name(), c -> "i" + names.size());
    }

    @Override
    public String operation(int number) {
        String known = names.get(number);
        return known != null ? known : add(number, new Operation("o" + names.size(), number));
    }

    private String add(Object outside, Parameter parameter) {
        names.put(outside, parameter.name());
        parameters.add(parameter);
        return parameter.name();
    }
}
