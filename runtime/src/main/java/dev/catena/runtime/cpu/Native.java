package dev.catena.runtime.cpu;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The functions of {@code catena_stub.c}. Addresses and handles are {@code long}s and nothing is checked: a wrong one ends
 * the process. Classes of this package keep them and give each back once; each calls {@link NativeStub#load} before
 * its first use. What can fail gives −errno. Buffers must be direct; texts in them end with a zero.
 */
final class Native {
    private Native() {}

    static native long address(ByteBuffer buffer);

    /** A view of memory that is not Java's: dead once the memory is given back. */
    static native ByteBuffer view(long address, long bytes);

    static native void copy(long to, long from, long bytes);

    /** @return a descriptor for reading */
    static native long openFile(ByteBuffer path);

    static native long fileSize(int descriptor);

    static native void closeFile(int descriptor);

    /** Maps the file's first {@code bytes} for reading. */
    static native long mapFile(int descriptor, long bytes);


    /** Address space of zeros; memory is taken page by page when it is first written. */
    static native long reserve(long bytes, int hugePages);

    /** Ends a mapping made by {@link #mapFile} or {@link #reserve}. */
    static native void unmap(long address, long bytes);

    /** Opens a shared library from a file. @return a handle, or 0 with the reason in {@code error} */
    static native long openLibrary(ByteBuffer path, ByteBuffer error, int errorRoom);

    /** Opens a shared library that lies in memory, through a memfd. @return a handle, or 0 with the reason in {@code error} */
    static native long openLibraryBytes(long address, long bytes, ByteBuffer error, int errorRoom);

    /** @return the symbol's address, or 0 */
    static native long symbol(long library, ByteBuffer name);

    /** Calls a C function of up to {@value SystemLibrary#MOST_ARGUMENTS} whole numbers and pointers that gives an int. */
    static native int call(long function, long arguments);

    static native void closeLibrary(long library);

    /** Puts EAX, EBX, ECX, EDX into {@code out}. */
    static native void cpuid(int leaf, int subleaf, ByteBuffer out);

    /** Which register states the system saves; only where cpuid shows OSXSAVE. */
    static native long xgetbv();

    /** Asks the system to let this process use AMX tiles. @return 0 or −errno */
    static native int requestAmx();

    /** @param spin,yield cycles of the time stamp counter: how long a waiting thread pauses, and yields, before it sleeps */
    static native long teamOpen(int threads, long spin, long yield);

    /** Works as thread {@code id} (from 1) until {@link #teamStop}. */
    static native void teamWorker(long team, int id);

    /** Runs {@code count} pairs of (function, stage) at {@code calls} on all threads, the caller being thread 0. */
    static native void teamRun(long team, long calls, long count);

    /** Lets the workers return. No run may be going on. */
    static native void teamStop(long team);

    /** After all workers returned. */
    static native void teamFree(long team);

    /** A stage function that reads, with registers of {@code width} bytes. */
    static native long readFunction(int width);

    /** The C side's layouts, for a test. */
    static native void layout(ByteBuffer out);

    /** {@code text} as C has it. */
    static ByteBuffer cString(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length + 1);
        buffer.put(0, bytes);
        return buffer;
    }

    static String javaString(ByteBuffer text) {
        int length = 0;
        while (length < text.capacity() && text.get(length) != 0) {
            length++;
        }
        byte[] bytes = new byte[length];
        text.get(0, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
