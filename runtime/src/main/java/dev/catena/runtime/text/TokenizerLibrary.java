package dev.catena.runtime.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.catena.artifact.CacheFolder;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * Loads the Rust tokenizers library out of DJL's jar. DJL's own loader is passed by: it looks for GPUs, may download, keeps
 * its cache in {@code ~/.djl.ai} without checking it, and reports to its makers from machines in the cloud.
 *
 * <p>The library is unpacked once, into the user's {@link CacheFolder}, and its content is compared with the jar's checksum before
 * each use. Where that folder can't be used (read-only, {@code noexec}, another's), it goes to a private temporary file that
 * is deleted once loaded.
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
        String notCached;
        try {
            System.load(cached(resource).toString());
            return;
        } catch (IOException | UnsatisfiedLinkError | UnsupportedOperationException e) {
            notCached = JsonText.firstLine(e.getMessage());
        }
        try {
            loadTemporary(resource);
        } catch (IOException | UnsatisfiedLinkError e) {
            throw new TokenizerException("the tokenizer library can't be loaded; CATENA_CACHE may name a folder that programs"
                    + " can be loaded from (" + notCached
                    + "; temporary folder: " + JsonText.firstLine(e.getMessage()) + ")", e);
        }
    }

    private static Path cached(URL resource) throws IOException {
        URLConnection connection = resource.openConnection();
        if (!(connection instanceof JarURLConnection jar)) {
            throw new IOException("the library is not in a jar, whose checksum a cached copy could be compared with");
        }
        long checksum = jar.getJarEntry().getCrc();
        CacheFolder folder = CacheFolder.open().folder("native");
        String name = "libtokenizers-" + Long.toHexString(checksum) + ".so";
        Path library = folder.path().resolve(name);
        if (Files.isRegularFile(library, LinkOption.NOFOLLOW_LINKS) && CacheFolder.isPrivate(library) && checksum(library) == checksum) {
            return library;
        }
        try (InputStream in = resource.openStream()) {
            return folder.write(name, in);
        }
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
            try (InputStream in = resource.openStream()) {
                Files.copy(in, library, StandardCopyOption.REPLACE_EXISTING);
            }
            System.load(library.toString());
        } finally {
            Files.delete(library);
        }
    }
}
