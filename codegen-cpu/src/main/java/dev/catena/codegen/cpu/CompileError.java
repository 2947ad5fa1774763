package dev.catena.codegen.cpu;

/** Generated C that clang or lld refused: always a bug of the generator. The message has clang's words and lines. */
public final class CompileError extends RuntimeException {
    CompileError(String message) {
        super(message);
    }
}
