package dev.catena.runtime.gpu;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** An artifact's file, open for reading weights from it, by any number of threads. */
final class WeightFile implements AutoCloseable {
    private final ArtifactReader reader;
    private final FileChannel file;
    /** Weights whose bytes are a sample's, over and over. */
    private final Map<String, Manifest.Weight> sampled = new HashMap<>();

    /** @throws ArtifactException when the file was replaced since {@code reader} found it whole */
    WeightFile(ArtifactReader reader) {
        this.reader = reader;
        if (reader.manifest().hasSampledWeights()) {
            reader.manifest().stages().forEach(stage -> stage.weights().stream().filter(weight -> weight.sample() != null)
                    .forEach(weight -> sampled.put(weight.entry(), weight)));
        }
        try {
            file = FileChannel.open(reader.path(), StandardOpenOption.READ);
        } catch (IOException e) {
            throw new ArtifactException(reader.path(), "cannot be opened: " + e.getMessage(), e);
        }
        boolean same = false;
        try {
            byte[] end = reader.lastBytes();     // they hold the manifest's hash, and that all others
            byte[] found = new byte[end.length];
            if (file.size() == reader.size()) {
                readFully(ByteBuffer.wrap(found), reader.size() - end.length);
            }
            same = Arrays.equals(end, found);
        } catch (IOException e) {
            throw new ArtifactException(reader.path(), "cannot be read: " + e.getMessage(), e);
        } finally {
            if (!same) {
                close();
            }
        }
        if (!same) {
            throw new ArtifactException(reader.path(), "was replaced while it was opened");
        }
    }

    /** Bytes of an entry. */
    long length(String entry) {
        Manifest.Weight repeated = sampled.get(entry);
        return repeated == null ? reader.length(entry) : repeated.bytes();
    }

    /** Fills {@code into} with the entry's bytes from {@code offset} on. */
    void read(String entry, long offset, ByteBuffer into) {
        if (offset < 0 || into.remaining() > length(entry) - offset) {
            throw new IndexOutOfBoundsException(into.remaining() + " bytes at " + offset + " of " + entry);
        }
        try {
            Manifest.Weight repeated = sampled.get(entry);
            if (repeated == null) {
                readFully(into, reader.offset(entry) + offset);
            } else {
                repeat(repeated.sample(), offset, into);
            }
        } catch (IOException e) {
            throw new ArtifactException(reader.path(), "cannot be read: " + e.getMessage(), e);
        }
    }

    private void repeat(String sample, long offset, ByteBuffer into) throws IOException {
        int limit = into.limit();
        for (long at = offset % reader.length(sample); into.position() < limit; at = 0) {
            into.limit((int) Math.min(limit, into.position() + reader.length(sample) - at));
            readFully(into, reader.offset(sample) + at);
        }
    }

    private void readFully(ByteBuffer into, long position) throws IOException {
        long start = position - into.position();
        while (into.hasRemaining()) {
            if (file.read(into, start + into.position()) <= 0) {
                throw new ArtifactException(reader.path(), "it was truncated while it was read");
            }
        }
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            // It was only read.
        }
    }
}
