package dev.catena.runtime.cpu;

import dev.catena.artifact.CacheFolder;
import dev.catena.runtime.UnsupportedPlatformException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A shared library of compiled stages, open on its own: two libraries may export the same names. Loaded from memory; where
 * the system forbids that, from the user's cache folder. Nothing may run in it when it is closed.
 */
final class CodeLibrary implements AutoCloseable {
    private static final int ERROR_ROOM = 1024;
    private long handle;

    CodeLibrary(byte[] library) {
        NativeStub.load();
        ByteBuffer bytes = ByteBuffer.allocateDirect(library.length).put(0, library);
        ByteBuffer error = ByteBuffer.allocateDirect(ERROR_ROOM);
        handle = Native.openLibraryBytes(Native.address(bytes), library.length, error, ERROR_ROOM);
        if (handle == 0) {
            handle = openFromCache(library, Native.javaString(error));
        }
    }

    private static long openFromCache(byte[] library, String memoryReason) {
        Path file = null;
        try {
            file = CacheFolder.open().folder("native")
                    .write("code-" + Long.toHexString(ThreadLocalRandom.current().nextLong()) + ".so", library);
            ByteBuffer error = ByteBuffer.allocateDirect(ERROR_ROOM);
            long handle = Native.openLibrary(Native.cString(file.toString()), error, ERROR_ROOM);
            if (handle == 0) {
                throw new UnsupportedPlatformException("the artifact's code cannot be loaded, from memory (" + memoryReason
                        + ") nor from the cache folder (" + Native.javaString(error)
                        + "); set CATENA_CACHE to a folder that is not mounted noexec");
            }
            return handle;
        } catch (IOException e) {
            throw new UnsupportedPlatformException("the artifact's code cannot be loaded, from memory (" + memoryReason
                    + ") nor from the cache folder (" + e.getMessage() + "); set CATENA_CACHE to a folder of your own", e);
        } finally {
            deleteQuietly(file);
        }
    }

    private static void deleteQuietly(Path file) {
        try {
            if (file != null) {
                Files.deleteIfExists(file);   // the loader has it mapped
            }
        } catch (IOException e) {
            // A few kilobytes stay in the cache folder.
        }
    }

    /** @return the address of an exported function, or 0 */
    long symbol(String name) {
        if (handle == 0) {
            throw new IllegalStateException("the library was closed");
        }
        return Native.symbol(handle, Native.cString(name));
    }

    @Override
    public void close() {
        if (handle != 0) {
            Native.closeLibrary(handle);
            handle = 0;
        }
    }
}
