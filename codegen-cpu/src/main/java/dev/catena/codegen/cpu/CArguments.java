package dev.catena.codegen.cpu;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The arguments of a kernel's call, in the names that a stage function has for its parameters. */
final class CArguments {
    private final List<String> arguments = new ArrayList<>();

    CArguments rows(RowCount rows) {
        return plain(rows == RowCount.STEP ? "step->rows" : "step->selected");
    }

    /** A view as two arguments: a pointer to its first float and its row stride. */
    CArguments view(View view) {
        return plain(pointer(view)).plain(Integer.toString(view.rowStride()));
    }

    CArguments view(Optional<View> view) {
        return view.isPresent() ? view(view.get()) : plain("0").plain("0");
    }

    CArguments weight(Buffer.Weight weight) {
        return plain("weights[" + weight.index() + "]");
    }

    CArguments weight(Optional<Buffer.Weight> weight) {
        return weight.isPresent() ? weight(weight.get()) : plain("0");
    }

    CArguments plain(String argument) {
        arguments.add(argument);
        return this;
    }

    List<String> list() {
        return List.copyOf(arguments);
    }

    /** A float as a C literal with the same value, bit for bit. */
    static String literal(float value) {
        if (Float.isNaN(value)) {
            return "__builtin_nanf(\"\")";
        } else if (Float.isInfinite(value)) {
            return value > 0 ? "__builtin_inff()" : "-__builtin_inff()";
        }
        return value == Math.rint(value) && Math.abs(value) < 1e6f ? (value == 0 && 1 / value < 0 ? "-0.0f" : (long) value + ".0f")
                : Float.toHexString(value) + "f";
    }

    private static String pointer(View view) {
        Buffer buffer = view.buffer();
        if (buffer instanceof Buffer.Arena arena) {
            return "(float *)(arena + " + (arena.offset() + view.byteOffset()) + ")";
        }
        String base = buffer instanceof Buffer.StageInput ? "(const float *)stage->input"
                : buffer instanceof Buffer.StageOutput ? "(float *)stage->output"
                : "(const float *)weights[" + ((Buffer.Weight) buffer).index() + "]";
        return view.byteOffset() == 0 ? base : base + " + " + view.byteOffset() / 4;
    }
}
