package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.TensorProgram;
import dev.catena.codegen.tensor.c.CScalars;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The code of tensor programs for one CPU target, each a function of docs/tensor-abi.md.
 *
 * @param source  the C, to be read ({@code inspect --kernels})
 * @param library the shared library's bytes
 * @param symbols for each program that was given, in its order, its function's name
 */
public record TensorLibrary(CpuTarget target, String source, byte[] library, List<String> symbols) {
    /** GNU C has statements as expressions. Reals are reduced in any order, so that they become vector code. */
    static final CScalars.Language CLANG = (reals, statements, value) ->
            "({ " + (reals ? "_Pragma(\"clang fp reassociate(on)\") " : "") + statements + " " + value + "; })";

    /** Generates, compiles and links the programs' code. */
    public static TensorLibrary build(List<TensorProgram> programs, CpuTarget target) throws IOException, InterruptedException {
        Map<String, CFunction> kernels = new LinkedHashMap<>();
        Map<String, CFunction> functions = new LinkedHashMap<>();
        List<String> symbols = new ArrayList<>();
        for (TensorProgram program : programs) {
            TensorFunction function = TensorFunction.of(program, target);
            function.kernels().forEach((name, source) -> kernels.computeIfAbsent(name, n -> CFunction.kernel(n, source)));
            function.parts().forEach(part -> functions.put(part.name(), part));
            symbols.add(function.symbol());
        }
        TensorUnits units = new TensorUnits(target, Stream.concat(kernels.values().stream(), functions.values().stream()).toList());
        byte[] library = new CpuToolchain().compileWrapping(units.sources(), target);
        return new TensorLibrary(target, units.text(), library, List.copyOf(symbols));
    }
}
