package dev.catena.runtime.cuda;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.cpu.SystemLibrary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/**
 * The driver's library, libcuda.so.1, opened when a GPU is first asked for. Its functions are looked up by name, after its
 * version: one that an older driver lacks is a line, where a call bound by the loader would end the process. Thread-safe.
 */
final class DriverLibrary {
    /** CUDA 12.0, as cuDriverGetVersion says it; NVIDIA's drivers from 525 on. */
    static final int LEAST_VERSION = 12000;
    private static final Path KERNEL_MODULE = Path.of("/proc/driver/nvidia/version");

    /** One thread's arguments, and 64 bytes that functions write results to. */
    private static final class Call {
        private final ByteBuffer buffer = ByteBuffer.allocateDirect(8 * SystemLibrary.MOST_ARGUMENTS + 64).order(ByteOrder.nativeOrder());
        private final long arguments = SystemLibrary.address(buffer);
        private final long results = arguments + 8 * SystemLibrary.MOST_ARGUMENTS;
    }

    private final int version;
    private final Map<DriverFunction, Long> functions = new EnumMap<>(DriverFunction.class);
    private final ThreadLocal<Call> calls = ThreadLocal.withInitial(Call::new);

    /** The library's name, or the path that the system property {@code catena.cuda.library} gives. */
    static String name() {
        return System.getProperty("catena.cuda.library", "libcuda.so.1");
    }

    /** @throws DeviceException that says in one line why GPUs can't be used, and what to do */
    DriverLibrary(String name) {
        SystemLibrary library;
        try {
            library = SystemLibrary.open(name);
        } catch (UnsatisfiedLinkError e) {
            throw new DeviceException("no NVIDIA driver: " + e.getMessage() + "; " + (Files.exists(KERNEL_MODULE)
                    ? "its kernel module is there, so put the folder of libcuda.so.1 into LD_LIBRARY_PATH, or in a container ask "
                            + "for the GPU (docker run --gpus all)"
                    : "install one of 525 or later, on a machine with an NVIDIA GPU"));
        }
        version = version(library, name);
        if (version < LEAST_VERSION) {
            throw new DeviceException("the NVIDIA driver is too old: it has CUDA " + version / 1000 + "." + version % 1000 / 10
                    + ", Catena needs 12.0; install driver 525 or later");
        }
        for (DriverFunction function : DriverFunction.values()) {
            long address = library.function(function.symbol());
            if (address == 0 && !function.optional()) {
                throw new DeviceException(name + " has no " + function.symbol() + ", which all drivers of CUDA 12 have; install "
                        + "NVIDIA's driver again");
            }
            functions.put(function, address);
        }
        int result = call(DriverFunction.INIT, 0);
        if (result != 0) {
            throw new DeviceException(result == DriverError.NO_DEVICE ? DriverError.words(result)
                    : "NVIDIA's driver doesn't start: " + DriverError.words(result));
        }
    }

    /** Before anything else is called: this function is in every driver. */
    private int version(SystemLibrary library, String name) {
        long function = library.function("cuDriverGetVersion");
        if (function == 0) {
            throw new DeviceException(name + " is no NVIDIA driver: it has no cuDriverGetVersion");
        }
        Call call = calls.get();
        call.buffer.putLong(0, call.results);
        call.buffer.putInt(8 * SystemLibrary.MOST_ARGUMENTS, 0);
        int result = SystemLibrary.call(function, call.arguments);
        if (result != 0) {
            throw new DeviceException("NVIDIA's driver doesn't start: " + DriverError.words(result));
        }
        return call.buffer.getInt(8 * SystemLibrary.MOST_ARGUMENTS);
    }

    /** The newest CUDA that it serves, 12040 for 12.4. */
    int version() {
        return version;
    }

    /** Whether the driver has it. */
    boolean has(DriverFunction function) {
        return functions.get(function) != 0;
    }

    /** Where this thread's calls write results to. */
    long results() {
        return calls.get().results;
    }

    /** What the last call wrote there. */
    long resultLong(int index) {
        return calls.get().buffer.getLong(8 * (SystemLibrary.MOST_ARGUMENTS + index));
    }

    int resultInt() {
        return calls.get().buffer.getInt(8 * SystemLibrary.MOST_ARGUMENTS);
    }

    int call(DriverFunction function, long a) {
        return call(function, a, 0, 0, 0, 0);
    }

    int call(DriverFunction function, long a, long b) {
        return call(function, a, b, 0, 0, 0);
    }

    int call(DriverFunction function, long a, long b, long c) {
        return call(function, a, b, c, 0, 0);
    }

    /** @return the driver's result, 0 for success */
    int call(DriverFunction function, long a, long b, long c, long d, long e) {
        Call call = calls.get();
        call.buffer.putLong(0, a).putLong(8, b).putLong(16, c).putLong(24, d).putLong(32, e);
        return SystemLibrary.call(functions.get(function), call.arguments);
    }

    /** For functions of many arguments, off the path of a step. */
    int callWithMany(DriverFunction function, long... arguments) {
        Call call = calls.get();
        for (int i = 0; i < arguments.length; i++) {
            call.buffer.putLong(8 * i, arguments[i]);
        }
        return SystemLibrary.call(functions.get(function), call.arguments);
    }
}
