package dev.catena.codegen.cuda;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A kernel as it is put together: its parameters with what each is given, and the statements of its body. */
final class CudaKernel {
    private final String name;
    private final String purpose;
    private final int threads;
    private final List<String> templates;
    private final List<String> parameters = new ArrayList<>();
    private final List<String> sizes = new ArrayList<>();
    private final List<String> arguments = new ArrayList<>();
    private String body;
    private int residentBlocks = 1;
    private boolean loadsWeightsFirst;
    private int sharedBytes;

    /**
     * @param name what it is called unless another kernel has the name
     * @param purpose one line for the reader
     * @param threads of a block
     * @param templates the resources it needs
     */
    CudaKernel(String name, String purpose, int threads, String... templates) {
        this.name = name;
        this.purpose = purpose;
        this.threads = threads;
        this.templates = List.of(templates);
    }

    /** A pointer parameter, such as {@code "const int *step"}, and what it is given. */
    CudaKernel parameter(String declaration, String argument) {
        parameters.add(declaration);
        arguments.add(argument);
        return this;
    }

    /** So many blocks have to fit on a multiprocessor: the compiler keeps to as many registers as that leaves. */
    CudaKernel residentBlocks(int count) {
        residentBlocks = count;
        return this;
    }

    /** Its template waits for the launches before it, after it has asked for weights. */
    CudaKernel loadsWeightsFirst() {
        loadsWeightsFirst = true;
        return this;
    }

    /** Shared memory that the launch gives it, beside what the template declares. */
    CudaKernel sharedBytes(int count) {
        sharedBytes = count;
        return this;
    }

    CudaKernel step() {
        return parameter("const int *step", "step");
    }

    /** Rows that nothing in this kernel writes. */
    CudaKernel read(String name, View view) {
        return parameter("const float *__restrict__ " + name, argument(view));
    }

    /** Rows that this kernel may also write through another parameter. */
    CudaKernel readAliased(String name, View view) {
        return parameter("const float *" + name, argument(view));
    }

    CudaKernel write(String name, View view) {
        return parameter("float *" + name, argument(view));
    }

    CudaKernel weight(String name, Buffer.Weight weight) {
        return parameter("const uint8 *__restrict__ " + name, argument(weight));
    }

    /** A f32 vector. */
    CudaKernel vector(String name, Buffer.Weight weight) {
        return parameter("const float *__restrict__ " + name, argument(weight));
    }

    CudaKernel vector(String name, Optional<Buffer.Weight> weight) {
        return weight.map(w -> vector(name, w)).orElse(this);
    }

    /** A number that the kernel is for, which the statements call by this name. */
    CudaKernel size(String name, int value) {
        sizes.add(name + " = " + value);
        return this;
    }

    /** The statements, without indentation. */
    CudaKernel body(String statements) {
        body = statements;
        return this;
    }

    String name() {
        return name;
    }

    List<String> templates() {
        return templates;
    }

    String text(String actualName) {
        StringBuilder text = new StringBuilder("/* ").append(purpose).append(" */\n");
        text.append("extern \"C\" __global__ __launch_bounds__(").append(threads).append(", ").append(residentBlocks).append(") void ").append(actualName).append("(\n    ")
                .append(String.join(", ", parameters)).append(") {\n");
        if (!sizes.isEmpty()) {
            text.append("  constexpr int ").append(String.join(", ", sizes)).append(";\n");
        }
        text.append("  let_next_launch_begin();\n").append(loadsWeightsFirst ? "" : "  await_launches_before();\n");
        body.lines().forEach(line -> text.append("  ").append(line).append('\n'));
        return text.append("}\n").toString();
    }

    /** Adds the kernel to the set and launches it. */
    KernelLaunch launch(KernelSet kernels, int... grid) {
        List<Integer> blocks = new ArrayList<>(Arrays.stream(grid).boxed().toList());
        while (blocks.size() < 3) {
            blocks.add(1);
        }
        return new KernelLaunch(kernels.add(this), blocks, List.of(threads, 1, 1), sharedBytes, arguments);
    }

    /** Where a kernel finds how many rows there are. */
    static String rows(RowCount rows) {
        return rows == RowCount.STEP ? "step[STEP_ROWS]" : "step[STEP_SELECTED]";
    }

    /** What a kernel's name says of the rows that it is for. */
    static String selected(RowCount rows) {
        return rows == RowCount.STEP ? "" : "_selected";
    }

    /** Threads that share a row of so many columns: full warps, at most 256. */
    static int threadsForRow(int columns) {
        return Math.min(256, (columns + 31) / 32 * 32);
    }

    /** Whether every row starts at a multiple of 16 bytes. */
    static boolean vectorAligned(View view) {
        return view.byteOffset() % 16 == 0 && view.rowStride() % 4 == 0;
    }

    /** A float as a C++ literal with the same value, bit for bit. */
    static String literal(float value) {
        if (Float.isNaN(value)) {
            return "__int_as_float(0x7FC00000)";
        } else if (Float.isInfinite(value)) {
            return value > 0 ? "infinity()" : "-infinity()";
        }
        return Float.toString(value).replace('E', 'e') + "f"; // Java prints as many digits as tell it from its neighbours
    }

    private static String argument(View view) {
        Buffer buffer = view.buffer();
        if (buffer instanceof Buffer.Arena arena) {
            return "arena+" + (arena.offset() + view.byteOffset());
        } else if (buffer instanceof Buffer.Weight weight) {
            if (view.byteOffset() != 0) {
                throw new IllegalArgumentException("a kernel reads a weight from its start: " + view);
            }
            return argument(weight);
        }
        String base = buffer instanceof Buffer.StageInput ? "input" : "output";
        return view.byteOffset() == 0 ? base : base + "+" + view.byteOffset();
    }

    private static String argument(Buffer.Weight weight) {
        return "weight:" + weight.index();
    }
}
