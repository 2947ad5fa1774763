package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CScalars;

/** How the C of a tensor program calls its sizes and tensors, and where it keeps them. */
interface FunctionNames extends CScalars.Names {
    /** A declaration of what is set later; empty where none is needed. */
    String declare(Scalar.Variable variable);

    String declare(Buffer buffer);

    /** What a value is assigned to where it is first known; it stays what it is. */
    String define(Scalar.Variable variable);

    String define(Buffer buffer);

    /** What another value is assigned to. */
    String assigned(Scalar.Variable variable);

    String assigned(Buffer buffer);

    /** What stands at the top of the function, once its statements have been printed. */
    String head();

    @Override
    default String operation(int number) {
        return Integer.toString(number);
    }

    static String constant(Buffer buffer) {
        return "  static const %s %s[] = {%s};%n".formatted(CElement.of(buffer.stored()).storage(), buffer,
                CElement.literals((Buffer.Constant) buffer.place(), buffer.stored()));
    }
}
