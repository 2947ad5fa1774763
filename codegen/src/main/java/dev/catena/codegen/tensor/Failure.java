package dev.catena.codegen.tensor;

/** Why a run ended early; {@link #code} is what the generated function reports (docs/tensor-abi.md). */
public enum Failure {
    SHAPE(1), INDEX(2), DIVISION(3), MEMORY(4), VALUE(5);

    private final int code;

    Failure(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }
}
