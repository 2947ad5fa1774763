package dev.catena.codegen.cuda;

import dev.catena.codegen.CompiledCode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * One call of NVRTC, in this process.
 *
 * @param name    how messages call the source
 * @param options those of NVRTC's command line
 * @param cubin   whether machine code is wanted, or PTX
 */
record NvrtcProgram(String name, String source, List<String> options, boolean cubin) {
    /**
     * What NVRTC says of the source.
     *
     * @param accepted whether there is code
     */
    record Outcome(boolean accepted, CompiledCode compiled) {}

    /** @throws IllegalStateException if NVRTC fails for another reason than the source */
    Outcome compile() throws java.io.IOException {
        Nvrtc.load();
        _nvrtcProgram program = new _nvrtcProgram();
        try (BytePointer text = new BytePointer(source, StandardCharsets.UTF_8);
                BytePointer called = new BytePointer(name);
                PointerPointer<BytePointer> optionPointers = new PointerPointer<>(options.toArray(String[]::new));
                SizeTPointer size = new SizeTPointer(1)) {
            Nvrtc.check(nvrtc.nvrtcCreateProgram(program, text, called, 0, (PointerPointer<?>) null, (PointerPointer<?>) null));
            try {
                int result = nvrtc.nvrtcCompileProgram(program, options.size(), optionPointers);
                Nvrtc.check(nvrtc.nvrtcGetProgramLogSize(program, size));
                String log = new String(bytes(size.get(), into -> nvrtc.nvrtcGetProgramLog(program, into)),
                        StandardCharsets.UTF_8).replace("\0", "");
                if (result != nvrtc.NVRTC_SUCCESS) {
                    return new Outcome(false, new CompiledCode(new byte[0], log));
                }
                Nvrtc.check(cubin ? nvrtc.nvrtcGetCUBINSize(program, size) : nvrtc.nvrtcGetPTXSize(program, size));
                byte[] code = bytes(size.get(), into -> cubin ? nvrtc.nvrtcGetCUBIN(program, into) : nvrtc.nvrtcGetPTX(program, into));
                return new Outcome(true, new CompiledCode(code, log));
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
}
