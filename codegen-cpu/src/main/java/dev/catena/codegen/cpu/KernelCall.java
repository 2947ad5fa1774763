package dev.catena.codegen.cpu;

import java.util.List;

/**
 * A launch as C: the kernel's function, and the arguments a stage calls it with.
 *
 * @param name of the function; equal names have equal sources
 * @param source the function and what only it uses
 * @param scratchBytes what each thread needs of the stage's scratch while it runs
 */
record KernelCall(String name, String source, long scratchBytes, List<String> arguments) {
    KernelCall {
        arguments = List.copyOf(arguments);
    }

    String statement() {
        return name + "(" + String.join(", ", arguments) + ");";
    }
}
