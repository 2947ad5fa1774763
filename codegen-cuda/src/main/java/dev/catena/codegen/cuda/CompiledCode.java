package dev.catena.codegen.cuda;

/**
 * What NVRTC made of a source.
 *
 * @param code a cubin, or PTX as text, as it was asked for
 * @param log NVRTC's remarks; of a cubin also what each kernel uses (ptxas's {@code -v})
 */
record CompiledCode(byte[] code, String log) {}
