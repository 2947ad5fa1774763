package dev.catena.artifact;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Which files' weights were found whole before, so that they are hashed once and not at every start. A file is known by
 * device and inode; size, times (change time too, which nobody can set back) and the manifest's hash must be the same.
 * A cache that can't be read or written only costs the time of hashing again.
 */
final class VerifiedFiles {
    /** A file that changed this recently could change again without its times showing it. */
    private static final long SETTLED_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private VerifiedFiles() {}

    /** What a file's bytes depend on. */
    record Identity(String key, String state, long changedNanos) {}

    static Identity identity(Path file, String manifestSha256) throws IOException {
        Map<String, Object> found = Files.readAttributes(file, "unix:dev,ino,size,lastModifiedTime,ctime");
        long changed = nanos(found.get("ctime"));
        return new Identity(found.get("dev") + "-" + found.get("ino"), "size=" + found.get("size") + " mtime="
                + nanos(found.get("lastModifiedTime")) + " ctime=" + changed + " manifest=" + manifestSha256, changed);
    }

    static boolean contains(Identity identity) {
        try {
            Path note = CacheFolder.open().folder("verified").path().resolve(identity.key);
            return Files.isRegularFile(note) && Files.size(note) < 1024 && CacheFolder.isPrivate(note)
                    && Files.readString(note, StandardCharsets.ISO_8859_1).equals(identity.state);
        } catch (IOException e) {
            return false;
        }
    }

    /** @param before the file's identity from before it was hashed */
    static void remember(Identity before, Path file, String manifestSha256) {
        try {
            long now = TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis());
            if (now - before.changedNanos > SETTLED_NANOS && identity(file, manifestSha256).equals(before)) {
                CacheFolder.open().folder("verified").write(before.key, before.state.getBytes(StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            // Hashed again next time; not worth a word.
        }
    }

    private static long nanos(Object time) {
        return ((FileTime) time).to(TimeUnit.NANOSECONDS);
    }
}
