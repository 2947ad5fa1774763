package dev.catena.artifact;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The user's own folder for what can be made again: {@code $CATENA_CACHE}, else {@code $XDG_CACHE_HOME/catena}, else
 * {@code ~/.cache/catena}. Only this user may enter it (0700), and a folder of anybody else's is not used. Safe for any
 * number of threads and processes: files appear whole, by rename.
 */
public final class CacheFolder {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");
    private final Path path;

    private CacheFolder(Path path) {
        this.path = path;
    }

    /** The folder, made if it is missing. @throws IOException when it can't be made or isn't private to this user */
    public static CacheFolder open() throws IOException {
        return open(location(System.getenv(), System.getProperty("user.home", "/")));
    }

    /** A subfolder, as private as this one. */
    public CacheFolder folder(String name) throws IOException {
        return open(path.resolve(name));
    }

    public Path path() {
        return path;
    }

    /** Writes {@code name} so that others see nothing or all of it; executable only by the owner. */
    public Path write(String name, byte[] bytes) throws IOException {
        return write(name, new ByteArrayInputStream(bytes));
    }

    /** Likewise, with what is left of {@code content}. */
    public Path write(String name, InputStream content) throws IOException {
        Path temporary = path.resolve("." + name + "." + Long.toHexString(ThreadLocalRandom.current().nextLong()));
        try {
            Files.createFile(temporary, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
            try (OutputStream out = Files.newOutputStream(temporary, StandardOpenOption.WRITE)) {
                content.transferTo(out);
            }
            return Files.move(temporary, path.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    static Path location(Map<String, String> environment, String home) {
        String own = environment.getOrDefault("CATENA_CACHE", "");
        if (!own.isEmpty()) {
            return Path.of(own).toAbsolutePath();
        }
        String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
        return xdg.startsWith("/") ? Path.of(xdg, "catena") : Path.of(home, ".cache", "catena");
    }

    /** A folder elsewhere, as private. @throws IOException as {@link #open()} */
    public static CacheFolder open(Path path) throws IOException {
        if (path.getParent() != null) {
            Files.createDirectories(path.getParent());
        }
        try {
            Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(path)) {
                throw new IOException(path + " is not a folder", e);
            }
        }
        Map<String, Object> found = Files.readAttributes(path, "unix:uid,permissions");
        if (!found.get("uid").equals(userId())) {
            throw new IOException(path + " belongs to another user");
        }
        if (!OWNER_ONLY.containsAll((Set<?>) found.get("permissions"))) {
            Files.setPosixFilePermissions(path, OWNER_ONLY);
        }
        return new CacheFolder(path);
    }

    /** Whether this user owns {@code file} and nobody else may write it. */
    public static boolean isPrivate(Path file) throws IOException {
        Map<String, Object> found = Files.readAttributes(file, "unix:uid,permissions", LinkOption.NOFOLLOW_LINKS);
        Set<?> permissions = (Set<?>) found.get("permissions");
        return found.get("uid").equals(userId()) && !permissions.contains(PosixFilePermission.GROUP_WRITE)
                && !permissions.contains(PosixFilePermission.OTHERS_WRITE);
    }

    /** The effective user: /proc/self belongs to it. */
    private static Object userId() throws IOException {
        return Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }
}
