package dev.catena.sim;

import java.io.File;
import java.util.List;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * CUDA C++ to PTX with line information, by NVRTC without a driver (shared/NOTES.md has the recipe). codegen-cuda has its own
 * loading of it, which sim must not know: the runtime side knows no compiler.
 */
final class NvrtcPtx {
    private static boolean loaded;

    private NvrtcPtx() {}

    private static synchronized void load() throws Exception {
        if (loaded) {
            return;
        }
        System.setProperty("org.bytedeco.javacpp.loadLibraries", "false");
        Class.forName(nvrtc.class.getName());
        System.setProperty("org.bytedeco.javacpp.loadLibraries", "true");
        Loader.load(Loader.class);
        new Pointer().close();
        for (String library : List.of("libnvrtc-builtins.so.12.9", "libnvrtc.so.12", "libjninvrtc.so")) {
            File file = Loader.cacheResource(NvrtcPtx.class.getResource("/org/bytedeco/cuda/linux-x86_64/" + library));
            System.load(file.getAbsolutePath());
        }
        loaded = true;
    }

    /** PTX of {@code test.cu} for sm_80. Kernels should be {@code extern "C"}. */
    static String of(String source) {
        return of(source, "compute_80");
    }

    static String of(String source, String architecture) {
        try {
            load();
            _nvrtcProgram program = new _nvrtcProgram();
            try (BytePointer text = new BytePointer(source);
                    BytePointer name = new BytePointer("test.cu");
                    PointerPointer<BytePointer> options = new PointerPointer<>("--gpu-architecture=" + architecture, "-lineinfo");
                    SizeTPointer size = new SizeTPointer(1)) {
                nvrtc.nvrtcCreateProgram(program, text, name, 0, (PointerPointer<?>) null, (PointerPointer<?>) null);
                int result = nvrtc.nvrtcCompileProgram(program, 2, options);
                nvrtc.nvrtcGetProgramLogSize(program, size);
                if (result != 0) {
                    try (BytePointer log = new BytePointer(size.get())) {
                        nvrtc.nvrtcGetProgramLog(program, log);
                        throw new IllegalArgumentException(log.getString());
                    }
                }
                nvrtc.nvrtcGetPTXSize(program, size);
                try (BytePointer ptx = new BytePointer(size.get())) {
                    nvrtc.nvrtcGetPTX(program, ptx);
                    return ptx.getString();
                }
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
