package dev.catena.codegen;

/**
 * What a target's compiler made of a source.
 *
 * @param code a shared library, a cubin, or PTX as text, as it was asked for
 * @param log the compiler's remarks; of a cubin also what each kernel uses (ptxas's {@code -v})
 */
public record CompiledCode(byte[] code, String log) {}
