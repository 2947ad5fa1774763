package dev.catena.codegen.cuda;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.CompiledCode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * From CUDA C++ to machine code or PTX, by the NVRTC inside the JavaCPP preset: no CUDA toolkit, driver or GPU is needed.
 * The same source and options give the same bytes.
 */
public final class NvrtcCompiler {
    private static final List<String> OPTIONS = List.of("--std=c++17", "--device-as-default-execution-space");
    private static final Pattern ERROR_LINE = Pattern.compile("(?m)^[^(\\n]*\\((\\d+)\\): (?:catastrophic )?error");

    private final CodeStore store;
    private final boolean ownProcesses;

    /** Compiles in this process. @param store where compiled code is kept from one run to the next */
    public NvrtcCompiler(CodeStore store) {
        this(store, false);
    }

    private NvrtcCompiler(CodeStore store, boolean ownProcesses) {
        this.store = store;
        this.ownProcesses = ownProcesses;
    }

    /**
     * Each source is compiled by a process of its own, and what NVRTC took of memory is given back with it: in one process a small model for
     * two architectures takes 300 MB beside what Java needs.
     */
    public static NvrtcCompiler inProcesses(CodeStore store) {
        return new NvrtcCompiler(store, true);
    }

    /**
     * Machine code for one architecture.
     *
     * @param sourceName how messages call the source, such as {@code model.cu}
     * @throws CompileError if NVRTC refuses; generated code never should, so it names and quotes the lines
     */
    CompiledCode cubin(String sourceName, CudaSource source, CudaTarget target) throws IOException {
        return compile(sourceName, source, List.of("--gpu-architecture=" + target.name(), "--ptxas-options=-v"), true);
    }

    /**
     * PTX for a virtual architecture.
     *
     * @param architecture such as {@code compute_80}
     * @param lineInfo whether instructions name the source's lines, for {@code sim}'s reports
     * @throws CompileError if NVRTC refuses
     */
    CompiledCode ptx(String sourceName, CudaSource source, String architecture, boolean lineInfo) throws IOException {
        List<String> options = new ArrayList<>(List.of("--gpu-architecture=" + architecture));
        if (lineInfo) {
            options.add("--generate-line-info");
        }
        CompiledCode compiled = compile(sourceName, source, options, false);
        int end = compiled.code().length;
        while (end > 0 && compiled.code()[end - 1] == 0) {
            end--; // NVRTC counts the terminating zero
        }
        return new CompiledCode(java.util.Arrays.copyOf(compiled.code(), end), compiled.log());
    }

    private CompiledCode compile(String sourceName, CudaSource source, List<String> more, boolean cubin) throws IOException {
        List<String> options = new ArrayList<>(OPTIONS);
        options.addAll(source.options());
        options.addAll(more);
        String key = CodeStore.key(Nvrtc.release(), String.join("\n", options), sourceName, source.text());
        CompiledCode known = store.find(key).orElse(null);
        if (known != null) {
            return known;
        }
        CompiledCode compiled = compileAnew(new NvrtcProgram(sourceName, source.text(), options, cubin));
        store.keep(key, compiled);
        return compiled;
    }

    private CompiledCode compileAnew(NvrtcProgram program) throws IOException {
        NvrtcProgram.Outcome outcome = ownProcesses ? NvrtcProcess.compile(program) : program.compile();
        if (!outcome.accepted()) {
            throw new CompileError("NVRTC refused generated code (" + String.join(" ", program.options()) + "):\n" + outcome.compiled().log()
                    + quotedLines(program.source(), outcome.compiled().log()));
        }
        return outcome.compiled();
    }

    /** The first few lines that the log complains of, with their numbers. */
    private static String quotedLines(String source, String log) {
        String[] lines = source.split("\n", -1);
        StringBuilder quoted = new StringBuilder();
        Matcher errors = ERROR_LINE.matcher(log);
        for (int i = 0; i < 5 && errors.find(); i++) {
            int line = Integer.parseInt(errors.group(1));
            if (line >= 1 && line <= lines.length) {
                quoted.append(line).append(": ").append(lines[line - 1]).append('\n');
            }
        }
        return quoted.toString();
    }
}
