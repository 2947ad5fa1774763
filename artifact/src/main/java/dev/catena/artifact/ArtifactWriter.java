package dev.catena.artifact;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;

/**
 * Writes an artifact: entries one after the other, streamed to a hidden temporary file in the target's folder, which
 * {@link #commit} renames onto the target. Until then, and whatever happens (an exception, a full disk, SIGINT, SIGTERM),
 * the target is untouched and {@link #close} or the JVM's shutdown removes the temporary file; one left by a killed
 * process is removed by the next writer of the same target. Two writers of one target don't meet: the last rename wins.
 * The same entries give the same bytes.
 *
 * <p>Not thread-safe, except that {@link #close} may be called by any thread.
 */
public final class ArtifactWriter implements AutoCloseable {
    /** Writes one entry's bytes, in pieces of any size. */
    @FunctionalInterface
    public interface Body {
        void writeTo(WritableByteChannel out) throws IOException;
    }

    private static final String MANIFEST = "manifest.json";
    private static final String TEMPORARY_END = ".catena-part";
    /** A temporary file is locked right after it is made; until this old it is never taken for an abandoned one. */
    private static final long NEW_MILLIS = 5_000;
    /** This process's own: opening and closing one of them again would give up its lock. */
    private static final Set<Path> LIVING = ConcurrentHashMap.newKeySet();

    private final Path target;
    private final Path temporary;
    private final FileChannel file;
    private final HugePageFile pieces;
    private final Thread atShutdown = new Thread(this::discard, "catena-artifact-discard");
    private final List<ZipLayout.Entry> written = new ArrayList<>();
    private final Map<String, Manifest.Entry> entries = new LinkedHashMap<>();
    private long end;
    private boolean failed;
    private boolean finished;

    /**
     * Starts writing {@code target}, which is replaced at {@link #commit} if it exists.
     *
     * @throws ArtifactException when its folder is missing or can't be written
     */
    public static ArtifactWriter create(Path target) {
        try {
            if (Files.isDirectory(target)) {
                throw new ArtifactException(target, "is a folder, not a file to write");
            }
            Path folder = target.toAbsolutePath().getParent();
            if (folder == null || !Files.isDirectory(folder)) {
                throw new ArtifactException(target, "the folder " + folder + " does not exist");
            }
            String start = "." + target.getFileName() + ".";
            removeAbandoned(folder, start);
            return new ArtifactWriter(target, folder.resolve(start + random() + TEMPORARY_END));
        } catch (IOException e) {
            throw failure(target, e);
        }
    }

    private ArtifactWriter(Path target, Path temporary) throws IOException {
        this.target = target;
        this.temporary = temporary;
        try {
            Runtime.getRuntime().addShutdownHook(atShutdown);   // before there is anything to leave behind
        } catch (IllegalStateException e) {
            throw new IOException("the process is ending", e);
        }
        FileChannel opened = null;
        LIVING.add(temporary);
        try {
            synchronized (this) {
                if (finished) {
                    throw new IOException("the process is ending");
                }
                opened = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            }
            lock(opened);
        } catch (IOException e) {
            if (opened != null) {
                opened.close();
                Files.deleteIfExists(temporary);
            }
            LIVING.remove(temporary);
            removeHook();
            throw e;
        }
        this.file = opened;
        pieces = new HugePageFile(opened);
    }

    /**
     * Adds an entry.
     *
     * @param name relative path of printable ASCII, not yet used
     * @throws ArtifactException        when it, or what came before it, can't be written (the last 2 MiB show it only at
     *                                  {@link #commit}); the writer is then of no further use
     * @throws IllegalArgumentException for a bad or doubled name
     */
    public void entry(String name, Body body) {
        String fault = EntryName.fault(name);
        if (fault != null || name.equals(MANIFEST) || entries.containsKey(name)) {
            throw new IllegalArgumentException(fault != null ? fault : "entry '" + name + "' is taken");
        }
        Manifest.Entry entry = append(name, body);
        entries.put(name, entry);
    }

    /** Adds a small entry. */
    public void entry(String name, byte[] bytes) {
        entry(name, out -> out.write(ByteBuffer.wrap(bytes)));
    }

    /** Adds what a graph of tensors is described by; the manifest then has no model. */
    public void graph(GraphDescription graph) {
        entry(GraphDescription.ENTRY, ManifestJson.write(graph));
    }

    /** Adds what GPUs launch for it. */
    public void graphProgram(GraphProgram program) {
        entry(GraphProgram.ENTRY, ManifestJson.write(program));
    }

    /** The entries so far, with sizes and hashes. */
    public Map<String, Manifest.Entry> entries() {
        return Map.copyOf(entries);
    }

    /**
     * Writes {@code manifest} with the entries filled in, and renames the file onto the target.
     *
     * @return the manifest as written
     * @throws IllegalArgumentException when the manifest breaks a rule (docs/artifact-format.md)
     * @throws ArtifactException        when the file can't be written
     */
    public Manifest commit(Manifest manifest) {
        Manifest complete = manifest.withEntries(entries);
        ManifestRules.check(complete);
        Manifest.Entry own = append(MANIFEST, out -> out.write(ByteBuffer.wrap(ManifestJson.write(complete))));
        try {
            pieces.write(ZipLayout.tail(written, end, ZipLayout.comment(own.sha256())), end);
            pieces.flush();
            file.force(true);   // else a crash after the rename could leave a whole name on half a file
            synchronized (this) {
                if (finished) {
                    throw new IOException("closed before it was committed");
                }
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
                finished = true;
            }
            file.close();
            LIVING.remove(temporary);
            removeHook();
        } catch (IOException e) {
            failed = true;
            throw failure(target, e);
        }
        return complete;
    }

    /** Without a {@link #commit} before it, removes all that was written. */
    @Override
    public void close() {
        discard();
        removeHook();
    }

    private synchronized void discard() {
        if (finished) {
            return;
        }
        finished = true;
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            // The file goes away in the next line.
        }
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            // Nothing more can be done; the next writer of this target tries again.
        }
        LIVING.remove(temporary);
    }

    private Manifest.Entry append(String name, Body body) {
        if (failed) {
            throw new IllegalStateException("an earlier entry could not be written");
        }
        failed = true;   // until the entry is whole
        try {
            ZipLayout.Entry place = new ZipLayout.Entry(name, end, 0, 0);
            EntryChannel out = new EntryChannel(place.data());
            body.writeTo(out);
            ZipLayout.Entry entry = new ZipLayout.Entry(name, end, out.size, (int) out.crc.getValue());
            pieces.write(ZipLayout.localHeader(entry), end);
            end = entry.end();
            written.add(entry);
            failed = false;
            return new Manifest.Entry(out.size, HexFormat.of().formatHex(out.sha256.digest()));
        } catch (IOException e) {
            throw failure(target, e);
        }
    }

    /** Sends an entry's bytes to the file and keeps count, checksum and hash of them. */
    private final class EntryChannel implements WritableByteChannel {
        private final long start;
        private final CRC32 crc = new CRC32();
        private final MessageDigest sha256 = Sha256.start();
        private long size;

        EntryChannel(long start) {
            this.start = start;
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            int length = bytes.remaining();
            crc.update(bytes.duplicate());
            sha256.update(bytes.duplicate());
            pieces.write(bytes, start + size);
            size += length;
            return length;
        }

        @Override
        public boolean isOpen() {
            return file.isOpen();
        }

        @Override
        public void close() {
            // The entry ends when the body returns; the file stays open.
        }
    }

    /** Held while the writer lives: tells an abandoned temporary file from one that is being written. */
    private static void lock(FileChannel opened) {
        try {
            opened.tryLock();
        } catch (IOException e) {
            // A file system without locks: abandoned files stay.
        }
    }

    private static void removeAbandoned(Path folder, String start) throws IOException {
        try (DirectoryStream<Path> siblings = Files.newDirectoryStream(folder, path -> {
            String name = path.getFileName().toString();
            return name.startsWith(start) && name.endsWith(TEMPORARY_END);
        })) {
            for (Path sibling : siblings) {
                if (LIVING.contains(sibling) || isNew(sibling)) {
                    continue;
                }
                try (FileChannel other = FileChannel.open(sibling, StandardOpenOption.WRITE);
                        FileLock lock = other.tryLock()) {
                    if (lock != null) {
                        Files.deleteIfExists(sibling);
                    }
                } catch (IOException | OverlappingFileLockException e) {
                    // Not ours to open, or of a writer that began this moment.
                }
            }
        }
    }

    private static boolean isNew(Path file) {
        try {
            return System.currentTimeMillis() - Files.getLastModifiedTime(file).toMillis() < NEW_MILLIS;
        } catch (IOException e) {
            return true;   // gone already
        }
    }

    private void removeHook() {
        try {
            Runtime.getRuntime().removeShutdownHook(atShutdown);
        } catch (IllegalStateException e) {
            // The process is ending and the hook runs anyway.
        }
    }

    private static String random() {
        return Long.toHexString(new SecureRandom().nextLong());
    }

    private static ArtifactException failure(Path target, IOException e) {
        String reason = e instanceof FileSystemException system && system.getReason() != null ? system.getReason()
                : e instanceof NoSuchFileException ? "its temporary file was removed"
                : e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new ArtifactException(target, "cannot be written: " + reason, e);
    }
}
