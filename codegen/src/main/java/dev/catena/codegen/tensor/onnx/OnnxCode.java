package dev.catena.codegen.tensor.onnx;

import dev.catena.codegen.tensor.OperationCode;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/** The code of the onnx dialect's operations, by name. */
public final class OnnxCode {
    private static final Map<String, OperationCode> BY_NAME = new HashMap<>();

    static {
        ElementwiseCode.addTo(BY_NAME);
        MovementCode.addTo(BY_NAME);
        ReductionCode.addTo(BY_NAME);
        MatMulCode.addTo(BY_NAME);
        IndexingCode.addTo(BY_NAME);
        AttentionCode.addTo(BY_NAME);
        ConvolutionCode.addTo(BY_NAME);
        SelectionCode.addTo(BY_NAME);
        ResizeCode.addTo(BY_NAME);
    }

    private OnnxCode() {}

    /** The code of an operation such as {@code onnx.Add}, or null where it has none. */
    public static OperationCode of(String name) {
        return BY_NAME.get(name);
    }

    /** All operations that have code. */
    public static Map<String, OperationCode> all() {
        return Collections.unmodifiableMap(BY_NAME);
    }
}
