package dev.catena.artifact;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;

/**
 * An artifact that was found whole. {@link #open} checks the file's structure, the manifest, IR and code every time, and
 * the weights the first time this user opens this file (of IR and tokenizer the hash, too; later their checksum); after it every name, offset and size given here can be relied on
 * as long as nobody writes into the file. Any number of threads may use one reader.
 */
public final class ArtifactReader implements AutoCloseable {
    /** Largest entry that {@link #bytes} gives, and largest manifest: weights are mapped, never read as a whole. */
    public static final long MAX_BYTES_IN_HEAP = 256L << 20;
    private static final long MAX_MANIFEST = 64L << 20;
    private static final String MANIFEST = "manifest.json";
    private static final String WEIGHTS = "weights/";
    private static final String CODE = "code/";
    /** Fewer bytes are hashed before a second thread has begun. */
    private static final long WORTH_THREADS = 4 << 20;

    private final Path path;
    private final FileChannel file;
    private final Map<String, ZipLayout.Entry> entries = new LinkedHashMap<>();
    private Manifest manifest;
    private long size;
    private byte[] lastBytes;

    /** @throws ArtifactException that names file and reason when it is missing, truncated, altered, foreign or newer */
    public static ArtifactReader open(Path path) {
        return open(path, false);
    }

    /** Opens and hashes everything, weights too, whatever is remembered about the file ({@code inspect --verify}). */
    public static ArtifactReader openVerified(Path path) {
        return open(path, true);
    }

    private static ArtifactReader open(Path path, boolean everything) {
        try {
            if (Files.isDirectory(path)) {
                throw new ArtifactException(path, "is a folder, not an artifact");
            }
            if (Files.exists(path) && !Files.isRegularFile(path)) {
                throw new ArtifactException(path, "is not a regular file");   // a pipe would block for ever
            }
            ArtifactReader reader = new ArtifactReader(path, FileChannel.open(path, StandardOpenOption.READ));
            try {
                reader.load(everything);
                return reader;
            } catch (IllegalArgumentException e) {
                reader.close();
                throw new ArtifactException(path, e.getMessage(), e);
            } catch (RuntimeException | IOException e) {
                reader.close();
                throw e;
            }
        } catch (NoSuchFileException e) {
            throw new ArtifactException(path, "no such file", e);
        } catch (IOException e) {
            String reason = e instanceof FileSystemException system && system.getReason() != null ? system.getReason()
                    : String.valueOf(e.getMessage());
            throw new ArtifactException(path, "cannot be read: " + reason, e);
        }
    }

    private ArtifactReader(Path path, FileChannel file) {
        this.path = path;
        this.file = file;
    }

    private void load(boolean everything) throws IOException {
        ZipDirectory directory = ZipDirectory.read(file);
        size = file.size();
        lastBytes = ZipLayout.comment(directory.manifestSha256()).getBytes(StandardCharsets.US_ASCII);
        for (ZipLayout.Entry entry : directory.entries()) {
            entries.put(entry.name(), entry);
        }
        ZipLayout.Entry own = entries.get(MANIFEST);
        if (own == null || own.size() > MAX_MANIFEST) {
            throw new IllegalArgumentException(own == null ? "it has no manifest" : "its manifest is too large");
        }
        if (!Sha256.of(file, own).equals(directory.manifestSha256())) {
            throw new IllegalArgumentException("its manifest was altered");
        }
        manifest = ManifestJson.read(bytes(MANIFEST));
        Map<String, Long> sizes = new LinkedHashMap<>();
        entries.forEach((name, entry) -> sizes.put(name, entry.size()));
        sizes.remove(MANIFEST);
        ManifestRules.checkEntries(manifest, sizes);
        verify(names(name -> name.startsWith(CODE)));
        VerifiedFiles.Identity identity = VerifiedFiles.identity(path, directory.manifestSha256());
        if (everything || !VerifiedFiles.contains(identity)) {
            verify(names(name -> !name.startsWith(CODE)));
            VerifiedFiles.remember(identity, path, directory.manifestSha256());
            return;
        }
        // The file is the one that was hashed. Its IR takes longer to hash than all else that is done before the first token.
        for (String name : names(name -> !name.startsWith(CODE) && !name.startsWith(WEIGHTS))) {
            Sha256.checkCrc(file, entry(name));
        }
    }

    public Path path() {
        return path;
    }

    public Manifest manifest() {
        return manifest;
    }

    /** Whether it is a graph of tensors, not a language model. */
    public boolean isGraph() {
        return manifest.model() == null;
    }

    /** What it says of its graph. @throws ArtifactException where that isn't valid */
    public GraphDescription graph() {
        try {
            GraphDescription graph = ManifestJson.readGraph(bytes(GraphDescription.ENTRY));
            ManifestRules.check(manifest, graph);
            return graph;
        } catch (IllegalArgumentException e) {
            throw new ArtifactException(path, e.getMessage(), e);
        }
    }

    /** What GPUs launch for its graph. @throws ArtifactException where that isn't valid, or there is none */
    public GraphProgram graphProgram() {
        if (!contains(GraphProgram.ENTRY)) {
            throw new ArtifactException(path, "has no code for GPUs");
        }
        try {
            GraphProgram program = ManifestJson.readGraphProgram(bytes(GraphProgram.ENTRY));
            ManifestRules.check(manifest, program);
            return program;
        } catch (IllegalArgumentException e) {
            throw new ArtifactException(path, e.getMessage(), e);
        }
    }

    /** Bytes of the file. */
    public long size() {
        return size;
    }

    /**
     * The file's last bytes, with the manifest's hash in them: a file of this size that ends so is this artifact. For
     * whoever opens the path again, which may by then name another file.
     */
    public byte[] lastBytes() {
        return lastBytes.clone();
    }

    /** Names of all entries in file order, the manifest included. */
    public List<String> names() {
        return List.copyOf(entries.keySet());
    }

    public boolean contains(String name) {
        return entries.containsKey(name);
    }

    /** Where the entry's bytes start in the file, a multiple of 4096. @throws IllegalArgumentException for an unknown name */
    public long offset(String name) {
        return entry(name).data();
    }

    /** The entry's size in bytes. @throws IllegalArgumentException for an unknown name */
    public long length(String name) {
        return entry(name).size();
    }

    /** The entry's bytes. @throws ArtifactException when there are more than {@link #MAX_BYTES_IN_HEAP}, or on a read error */
    public byte[] bytes(String name) {
        ZipLayout.Entry entry = entry(name);
        if (entry.size() > MAX_BYTES_IN_HEAP) {
            throw new ArtifactException(path, "entry '" + name + "' has " + entry.size() + " bytes, too many to be read at once");
        }
        ByteBuffer into = ByteBuffer.allocate((int) entry.size());
        try {
            while (into.hasRemaining()) {
                if (file.read(into, entry.data() + into.position()) <= 0) {
                    throw new ArtifactException(path, "it was truncated while it was read");
                }
            }
        } catch (IOException e) {
            throw new ArtifactException(path, "cannot be read: " + e.getMessage(), e);
        }
        return into.array();
    }

    /** The open file, for mapping; it lives as long as this reader. Its position is not used. */
    public FileChannel channel() {
        return file;
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            // It was only read.
        }
    }

    private ZipLayout.Entry entry(String name) {
        ZipLayout.Entry entry = entries.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("no entry '" + name + "' in " + path);
        }
        return entry;
    }

    private List<String> names(Predicate<String> wanted) {
        return manifest.entries().keySet().stream().filter(wanted).toList();
    }

    /** Hashes these entries on all cores: gigabytes of weights are worth it. */
    private void verify(List<String> names) throws IOException {
        if (names.stream().mapToLong(this::length).sum() < WORTH_THREADS) {
            for (String name : names) {
                compare(name, Sha256.of(file, entry(name)));
            }
            return;
        }
        int threads = Math.min(names.size(), Math.min(8, Runtime.getRuntime().availableProcessors()));
        ExecutorService hashers = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "catena-verify");
            thread.setDaemon(true);
            return thread;
        });
        List<Future<String>> hashes = new ArrayList<>();
        try {
            for (String name : names) {
                hashes.add(hashers.submit(() -> Sha256.of(file, entry(name))));
            }
            for (int i = 0; i < names.size(); i++) {
                compare(names.get(i), hashes.get(i).get());
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            if (e.getCause() instanceof RuntimeException reason) {
                throw reason;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            hashes.forEach(hash -> hash.cancel(false));   // after a fault nobody waits for the rest; an interrupt would close the file
            hashers.shutdown();
        }
    }

    private void compare(String name, String sha256) {
        if (!sha256.equals(manifest.entries().get(name).sha256())) {
            throw new IllegalArgumentException("entry '" + name + "' was altered");
        }
    }
}
