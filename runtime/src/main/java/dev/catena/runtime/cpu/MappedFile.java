package dev.catena.runtime.cpu;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * An artifact's file, mapped whole for reading: weights are used where they lie. Whoever cuts the file short meanwhile
 * ends the process (SIGBUS), so writers replace files and never change them.
 */
final class MappedFile implements AutoCloseable {
    private final long bytes;
    private long address;

    /** Maps the file that {@code reader} found whole. @throws ArtifactException when it was replaced since */
    MappedFile(ArtifactReader reader) {
        NativeStub.load();
        Path path = reader.path();
        long descriptor = Native.openFile(Native.cString(path.toAbsolutePath().toString()));
        if (descriptor < 0) {
            throw new ArtifactException(path, "cannot be opened (errno " + -descriptor + ")");
        }
        try {
            bytes = Native.fileSize((int) descriptor);
            if (bytes != reader.size()) {
                throw new ArtifactException(path, "was replaced while it was opened");
            }
            address = Native.mapFile((int) descriptor, bytes);
        } finally {
            Native.closeFile((int) descriptor);   // the mapping keeps the file
        }
        if (address < 0) {
            throw new ArtifactException(path, "cannot be mapped (errno " + -address + ")");
        }
        // The name may mean another file by now. The last bytes hold the manifest's hash, and that all other hashes.
        byte[] end = reader.lastBytes();
        if (!Native.view(address + bytes - end.length, end.length).equals(ByteBuffer.wrap(end))) {
            close();
            throw new ArtifactException(path, "was replaced while it was opened");
        }
    }

    /** Address of this part of the file. */
    long address(long offset, long length) {
        if (address == 0) {
            throw new IllegalStateException("the file was unmapped");
        }
        if (offset < 0 || length < 0 || offset > bytes - length) {
            throw new IndexOutOfBoundsException(offset + " + " + length + " of " + bytes + " bytes");
        }
        return address + offset;
    }

    @Override
    public void close() {
        if (address > 0) {
            Native.unmap(address, bytes);
            address = 0;
        }
    }
}
