package dev.catena.runtime.cpu;

import dev.catena.artifact.CacheFolder;
import dev.catena.runtime.UnsupportedPlatformException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Loads the stub: from the user's cache folder, where it is kept under its hash and checked before each use, else from a
 * private temporary folder. The JVM can only load from a path.
 */
final class NativeStub {
    private static final String RESOURCE = "libcatena_stub.so";
    private static boolean loaded;

    private NativeStub() {}

    /** Makes {@link Native} usable. @throws UnsupportedPlatformException with what to do, when this can't be */
    static synchronized void load() {
        if (loaded) {
            return;
        }
        String refusal = refusal(System.getProperty("os.name"), System.getProperty("os.arch"), mappedFiles());
        if (refusal != null) {
            throw new UnsupportedPlatformException(refusal);
        }
        byte[] stub = resource();
        UnsatisfiedLinkError fromCache = null;
        try {
            if (load(cached(stub))) {
                loaded = true;
                return;
            }
        } catch (UnsatisfiedLinkError e) {
            fromCache = e;
        } catch (IOException e) {
            // No usable cache folder: try a temporary one.
        }
        loadTemporary(stub, fromCache);
        loaded = true;
    }

    /** Why Catena doesn't run here, or null. */
    static String refusal(String system, String processor, String mappedFiles) {
        String supported = "; Catena runs on Linux on x86-64 with glibc";
        if (!system.equals("Linux")) {
            return system + " is not supported" + supported;
        }
        if (!processor.equals("amd64") && !processor.equals("x86_64")) {
            return "the processor architecture " + processor + " is not supported" + supported;
        }
        if (mappedFiles.toLowerCase(Locale.ROOT).contains("musl")) {
            return "a Java built for musl is not supported" + supported;
        }
        return null;
    }

    /** The libraries in this process, which tell glibc from musl. */
    private static String mappedFiles() {
        try {
            return Files.readString(Path.of("/proc/self/maps"));
        } catch (IOException | RuntimeException e) {
            return "";
        }
    }

    private static byte[] resource() {
        try (InputStream in = NativeStub.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException(RESOURCE + " is missing from the runtime's jar");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(RESOURCE + " in the runtime's jar can't be read", e);
        }
    }

    /** The stub's file in the cache folder, written unless the same bytes are there already. */
    private static Path cached(byte[] stub) throws IOException {
        CacheFolder folder = CacheFolder.open().folder("native");
        String name = "stub-" + sha256(stub).substring(0, 32) + ".so";
        Path file = folder.path().resolve(name);
        if (Files.isRegularFile(file) && CacheFolder.isPrivate(file) && Arrays.equals(Files.readAllBytes(file), stub)) {
            return file;
        }
        return folder.write(name, stub);
    }

    /** @return false when another class loader holds this very file */
    private static boolean load(Path file) {
        try {
            System.load(file.toString());
            return true;
        } catch (UnsatisfiedLinkError e) {
            if (String.valueOf(e.getMessage()).contains("already loaded in another classloader")) {
                return false;
            }
            throw e;
        }
    }

    private static void loadTemporary(byte[] stub, UnsatisfiedLinkError fromCache) {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("catena");   // 0700
            Path file = folder.resolve(RESOURCE);
            Files.write(file, stub);
            System.load(file.toString());
        } catch (IOException | UnsatisfiedLinkError e) {
            Throwable reason = fromCache != null ? fromCache : e;
            throw new UnsupportedPlatformException("cannot load native code from the cache folder (" + reason.getMessage()
                    + "); set CATENA_CACHE to a folder that may be written and is not mounted noexec", e);
        } finally {
            if (folder != null) {
                try {
                    Files.deleteIfExists(folder.resolve(RESOURCE));
                    Files.deleteIfExists(folder);
                } catch (IOException e) {
                    // An empty folder in /tmp.
                }
            }
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
