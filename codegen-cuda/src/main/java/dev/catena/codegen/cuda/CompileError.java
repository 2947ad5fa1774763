package dev.catena.codegen.cuda;

/** Generated CUDA C++ that NVRTC refused: always a bug of the generator. The message has NVRTC's words and the source's lines. */
public final class CompileError extends RuntimeException {
    private static final long serialVersionUID = 1;

    CompileError(String message) {
        super(message);
    }

    /** The first line that says what is wrong, and where in the source. */
    public String firstLine() {
        return getMessage().lines().filter(line -> line.contains("error")).findFirst()
                .orElseGet(() -> getMessage().lines().findFirst().orElse(""));
    }
}
