package dev.catena.codegen.cuda;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/**
 * Loads NVRTC from its jar on a machine without an NVIDIA driver. JavaCPP's own loading of it pulls in the CUDA runtime's
 * bindings, which want {@code libcuda.so.1}; NVRTC itself doesn't.
 */
final class Nvrtc {
    private static final String LOAD_LIBRARIES = "org.bytedeco.javacpp.loadLibraries";
    private static final String ORIGIN = "/org/bytedeco/cuda/linux-x86_64/";
    private static boolean loaded;

    private Nvrtc() {}

    /** Makes the functions of {@link nvrtc} callable. The first call on a machine unpacks 120 MB. */
    static synchronized void load() throws IOException {
        if (loaded) {
            return;
        }
        String before = System.getProperty(LOAD_LIBRARIES);
        System.setProperty(LOAD_LIBRARIES, "false");
        try {
            Class.forName(nvrtc.class.getName());
        } catch (ClassNotFoundException e) {
            throw new IOException("the CUDA preset (org.bytedeco:cuda) is not on the class path", e);
        } finally {
            if (before == null) {
                System.clearProperty(LOAD_LIBRARIES);
            } else {
                System.setProperty(LOAD_LIBRARIES, before);
            }
        }
        Loader.load(Loader.class);
        new Pointer().close(); // its class must have found JavaCPP's own library by now
        for (String library : new String[] {"libnvrtc-builtins.so.12.9", "libnvrtc.so.12", "libjninvrtc.so"}) {
            URL resource = Nvrtc.class.getResource(ORIGIN + library);
            File file = resource == null ? null : Loader.cacheResource(resource);
            if (file == null) {
                throw new IOException("the CUDA preset for linux-x86_64 lacks " + library);
            }
            System.load(file.getAbsolutePath());
        }
        loaded = true;
    }

    /** Which NVRTC this is, without loading it: the name of the jar that holds it. */
    static String release() throws IOException {
        URL resource = Nvrtc.class.getResource(ORIGIN + "libnvrtc.so.12");
        if (resource == null) {
            throw new IOException("the CUDA preset for linux-x86_64 lacks libnvrtc.so.12");
        }
        return resource.getPath().replaceFirst("!/.*", "").replaceFirst(".*/", "");
    }

    static void check(int result) {
        if (result != nvrtc.NVRTC_SUCCESS) {
            try (BytePointer message = nvrtc.nvrtcGetErrorString(result)) {
                throw new IllegalStateException("NVRTC: " + message.getString());
            }
        }
    }
}
