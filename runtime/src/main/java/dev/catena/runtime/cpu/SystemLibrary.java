package dev.catena.runtime.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A shared library of this machine, and calls of its functions. It stays open as long as the process. Nothing is checked: a
 * wrong address or argument ends the process.
 */
public final class SystemLibrary {
    /** That a function may have. */
    public static final int MOST_ARGUMENTS = 12;
    private static final int ERROR_ROOM = 1024;

    private final long handle;

    private SystemLibrary(long handle) {
        this.handle = handle;
    }

    /**
     * Opens a library.
     *
     * @param name as the system's loader takes it: a file's name, which it looks for, or a path
     * @throws UnsatisfiedLinkError with the loader's reason
     */
    public static SystemLibrary open(String name) {
        NativeStub.load();
        ByteBuffer error = ByteBuffer.allocateDirect(ERROR_ROOM);
        long handle = Native.openLibrary(Native.cString(name), error, ERROR_ROOM);
        if (handle == 0) {
            throw new UnsatisfiedLinkError(Native.javaString(error));
        }
        return new SystemLibrary(handle);
    }

    /** @return the function's address, or 0 when the library hasn't got it */
    public long function(String name) {
        return Native.symbol(handle, Native.cString(name));
    }

    /**
     * Calls a function.
     *
     * @param arguments address of {@value #MOST_ARGUMENTS} values of 64 bits, each a whole number or a pointer; functions
     *                  with fewer parameters don't look at the rest
     */
    public static int call(long function, long arguments) {
        return Native.call(function, arguments);
    }

    /** Where a direct buffer's memory starts. */
    public static long address(ByteBuffer direct) {
        return Native.address(direct);
    }

    /** Memory that is not Java's: dead once its owner gives it back. */
    public static ByteBuffer view(long address, long bytes) {
        return Native.view(address, bytes).order(ByteOrder.nativeOrder());
    }

    /** {@code text} as C has it, in a direct buffer. */
    public static ByteBuffer cString(String text) {
        return Native.cString(text);
    }

    /** The text that ends with a zero at the start of {@code buffer}. */
    public static String javaString(ByteBuffer buffer) {
        return Native.javaString(buffer);
    }
}
