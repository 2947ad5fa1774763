package dev.catena.runtime.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * Loads the Rust tokenizers library out of DJL's jar. DJL's own loader is passed by: it looks for GPUs, may download, keeps
 * its cache in {@code ~/.djl.ai} without checking it, and reports to its makers from machines in the cloud.
 *
 * <p>The library is unpacked once, into {@code $CATENA_CACHE}, else {@code $XDG_CACHE_HOME/catena}, else
 * {@code ~/.cache/catena}; a folder there of our own, for us alone, and its content is compared with the jar's checksum
 * before each use. Where none of these can be used (read-only, {@code noexec}, another's), it goes to a private
 * temporary file that is deleted once loaded.
 */
final class TokenizerLibrary {
    private static final String RESOURCE = "native/lib/linux-x86_64/cpu/libtokenizers.so";
    private static boolean loaded;

    private TokenizerLibrary() {
    }

    /** @throws TokenizerException if the library can't be unpacked or this system can't load it */
    static synchronized TokenizersLibrary load() {
        if (!loaded) {
            loadFromJar();
            loaded = true;
        }
        return TokenizersLibrary.LIB;
    }

    private static void loadFromJar() {
        URL resource = TokenizersLibrary.class.getClassLoader().getResource(RESOURCE);
        if (resource == null) {
            throw new TokenizerException("the tokenizer library is not on the classpath: " + RESOURCE);
        }
        List<String> failures = new ArrayList<>();
        for (Path cache : cacheFolders()) {
            try {
                System.load(cached(resource, cache).toString());
                return;
            } catch (IOException | UnsatisfiedLinkError | UnsupportedOperationException e) {
                failures.add(cache + ": " + JsonText.firstLine(e.getMessage()));
            }
        }
        try {
            loadTemporary(resource);
        } catch (IOException | UnsatisfiedLinkError e) {
            failures.add("temporary folder: " + JsonText.firstLine(e.getMessage()));
            throw new TokenizerException("the tokenizer library can't be loaded; CATENA_CACHE may name a folder that programs"
                    + " can be loaded from (" + String.join("; ", failures) + ")", e);
        }
    }

    private static List<Path> cacheFolders() {
        List<Path> folders = new ArrayList<>();
        String cache = System.getenv("CATENA_CACHE");
        String xdg = System.getenv("XDG_CACHE_HOME");
        if (cache != null && !cache.isEmpty()) {
            folders.add(Path.of(cache).toAbsolutePath());
        } else if (xdg != null && Path.of(xdg).isAbsolute()) {
            folders.add(Path.of(xdg, "catena"));
        } else {
            folders.add(Path.of(System.getProperty("user.home"), ".cache", "catena").toAbsolutePath());
        }
        return folders;
    }

    private static Path cached(URL resource, Path cache) throws IOException {
        URLConnection connection = resource.openConnection();
        if (!(connection instanceof JarURLConnection jar)) {
            throw new IOException("the library is not in a jar, whose checksum a cached copy could be compared with");
        }
        long checksum = jar.getJarEntry().getCrc();
        Files.createDirectories(cache);
        Path folder = privateFolder(cache.resolve("native"));
        Path library = folder.resolve("libtokenizers-" + Long.toHexString(checksum) + ".so");
        if (Files.isRegularFile(library, LinkOption.NOFOLLOW_LINKS) && checksum(library) == checksum) {
            return library;
        }
        Path unfinished = Files.createTempFile(folder, "libtokenizers-", ".tmp");
        try {
            unpack(resource, unfinished);
            // Another process may do the same at the same time; either's file is right.
            Files.move(unfinished, library, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
        return library;
    }

    private static Path privateFolder(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            try {
                Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            } catch (FileAlreadyExistsException e) {
                // Made by another process just now; checked below like any other.
            }
        }
        PosixFileAttributes attributes = Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        if (!attributes.isDirectory() || !self.equals(Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS))
                || !PosixFilePermissions.toString(attributes.permissions()).endsWith("------")) {
            throw new IOException("the folder " + folder + " is not ours alone");
        }
        return folder;
    }

    private static long checksum(Path file) throws IOException {
        CRC32 crc = new CRC32();
        try (InputStream in = new CheckedInputStream(Files.newInputStream(file), crc)) {
            byte[] buffer = new byte[1 << 16];
            while (in.read(buffer) >= 0) {
                // The stream keeps the sum.
            }
        }
        return crc.getValue();
    }

    private static void loadTemporary(URL resource) throws IOException {
        Path library = Files.createTempFile("catena-libtokenizers-", ".so");
        try {
            unpack(resource, library);
            System.load(library.toString());
        } finally {
            Files.delete(library);
        }
    }

    private static void unpack(URL resource, Path to) throws IOException {
        try (InputStream in = resource.openStream()) {
            Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
