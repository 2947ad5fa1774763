package dev.catena.codegen.cuda;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * From CUDA C++ to machine code or PTX, by the NVRTC inside the JavaCPP preset: no CUDA toolkit, driver or GPU is needed.
 * The same source and options give the same bytes.
 */
public final class NvrtcCompiler {
    private static final List<String> OPTIONS = List.of("--std=c++17", "--device-as-default-execution-space");
    private static final Pattern ERROR_LINE = Pattern.compile("(?m)^[^(\\n]*\\((\\d+)\\): (?:catastrophic )?error");

    private final CodeStore store;

    /** @param store where compiled code is kept from one run to the next */
    public NvrtcCompiler(CodeStore store) {
        this.store = store;
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
        String key = CodeStore.key(Nvrtc.version(), String.join("\n", options), sourceName, source.text());
        CompiledCode known = store.find(key).orElse(null);
        if (known != null) {
            return known;
        }
        CompiledCode compiled = compileAnew(sourceName, source.text(), options, cubin);
        store.keep(key, compiled);
        return compiled;
    }

    private static CompiledCode compileAnew(String sourceName, String source, List<String> options, boolean cubin) {
        _nvrtcProgram program = new _nvrtcProgram();
        try (BytePointer text = new BytePointer(source, java.nio.charset.StandardCharsets.UTF_8);
                BytePointer name = new BytePointer(sourceName);
                PointerPointer<BytePointer> optionPointers = new PointerPointer<>(options.toArray(String[]::new));
                SizeTPointer size = new SizeTPointer(1)) {
            Nvrtc.check(nvrtc.nvrtcCreateProgram(program, text, name, 0, (PointerPointer<?>) null, (PointerPointer<?>) null));
            try {
                int result = nvrtc.nvrtcCompileProgram(program, options.size(), optionPointers);
                Nvrtc.check(nvrtc.nvrtcGetProgramLogSize(program, size));
                String log = new String(bytes(size.get(), into -> nvrtc.nvrtcGetProgramLog(program, into)),
                        java.nio.charset.StandardCharsets.UTF_8).replace("\0", "");
                if (result != nvrtc.NVRTC_SUCCESS) {
                    throw new CompileError("NVRTC refused generated code (" + String.join(" ", options) + "):\n" + log
                            + quotedLines(source, log));
                }
                if (cubin) {
                    Nvrtc.check(nvrtc.nvrtcGetCUBINSize(program, size));
                    return new CompiledCode(bytes(size.get(), into -> nvrtc.nvrtcGetCUBIN(program, into)), log);
                }
                Nvrtc.check(nvrtc.nvrtcGetPTXSize(program, size));
                return new CompiledCode(bytes(size.get(), into -> nvrtc.nvrtcGetPTX(program, into)), log);
            } finally {
                nvrtc.nvrtcDestroyProgram(program);
            }
        }
    }

    /** A call that fills a buffer and returns NVRTC's result. */
    private interface Fill {
        int into(BytePointer buffer);
    }

    private static byte[] bytes(long size, Fill fill) {
        byte[] bytes = new byte[Math.toIntExact(size)];
        try (BytePointer buffer = new BytePointer(Math.max(1, size))) {
            Nvrtc.check(fill.into(buffer));
            buffer.get(bytes);
        }
        return bytes;
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
