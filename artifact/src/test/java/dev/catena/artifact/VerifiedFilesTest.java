package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifiedFilesTest {
    private static final String HASH = "0".repeat(64);

    @TempDir
    Path folder;

    @Test
    void aFileIsRememberedUntilItChanges() throws Exception {
        Path file = Files.writeString(folder.resolve("f"), "abc");
        Thread.sleep(80);
        VerifiedFiles.Identity before = VerifiedFiles.identity(file, HASH);
        assertFalse(VerifiedFiles.contains(before));
        VerifiedFiles.remember(before, file, HASH);
        assertTrue(VerifiedFiles.contains(VerifiedFiles.identity(file, HASH)));
        assertFalse(VerifiedFiles.contains(VerifiedFiles.identity(file, "1".repeat(64))));
        FileTime time = Files.getLastModifiedTime(file);
        Files.writeString(file, "abd");
        Files.setLastModifiedTime(file, time);   // the change time gives it away
        assertFalse(VerifiedFiles.contains(VerifiedFiles.identity(file, HASH)));
    }

    @Test
    void alteredWeightsAreFoundAfterTheFileWasRemembered() throws Exception {
        Path file = SmallArtifact.write(folder.resolve("a.catena"));
        Thread.sleep(80);
        ArtifactReader.open(file).close();
        long offset;
        try (ArtifactReader reader = ArtifactReader.open(file)) {
            offset = reader.offset("weights/embed/table");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {(byte) ~SmallArtifact.WEIGHTS[100]}), offset + 100);
        }
        assertThrows(ArtifactException.class, () -> ArtifactReader.open(file));
    }

    @Test
    void theFolderIsPrivate() throws IOException {
        Path path = Files.createDirectory(folder.resolve("c"));
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));
        CacheFolder cache = CacheFolder.open(path);
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(cache.path())));
        Path written = cache.write("x", new byte[] {1, 2});
        assertTrue(CacheFolder.isPrivate(written));
        Files.setPosixFilePermissions(written, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertFalse(CacheFolder.isPrivate(written));
    }

    @Test
    void theFolderFollowsTheEnvironment() {
        assertEquals(Path.of("/a"), CacheFolder.location(Map.of("CATENA_CACHE", "/a", "XDG_CACHE_HOME", "/b"), "/home/u"));
        assertEquals(Path.of("/b/catena"), CacheFolder.location(Map.of("XDG_CACHE_HOME", "/b"), "/home/u"));
        assertEquals(Path.of("/home/u/.cache/catena"), CacheFolder.location(Map.of(), "/home/u"));
    }
}
