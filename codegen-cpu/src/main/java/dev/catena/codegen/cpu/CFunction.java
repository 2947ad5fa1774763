package dev.catena.codegen.cpu;

import java.util.Set;

/**
 * The C of a function.
 *
 * @param head   from its type to its parameters' end: with a semicolon a declaration
 * @param source all of it
 * @param calls  the generated functions that it calls
 */
record CFunction(String name, String head, String source, Set<String> calls) {
    /** A kernel, whose source may say more before its {@code KERNEL void NAME(}. */
    static CFunction kernel(String name, String source) {
        int start = source.indexOf("KERNEL void " + name + "(");
        return new CFunction(name, source.substring(start, source.indexOf(") {", start) + 1), source, Set.of());
    }

    static CFunction of(String name, String head, String body, Set<String> calls) {
        return new CFunction(name, head, head + " {\n" + body + "}\n", calls);
    }
}
