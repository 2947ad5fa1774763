package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing half-written remains, however the writing ends. */
class UnfinishedArtifactTest {
    @TempDir
    Path folder;

    private List<String> left() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void closedWithoutCommit() throws IOException {
        Path target = folder.resolve("a.catena");
        Files.writeString(target, "before");
        try (ArtifactWriter writer = ArtifactWriter.create(target)) {
            SmallArtifact.entries(writer);
            assertEquals(2, left().size());
        }
        assertEquals(List.of("a.catena"), left());
        assertEquals("before", Files.readString(target));
    }

    @Test
    void failedEntry() throws IOException {
        try (ArtifactWriter writer = ArtifactWriter.create(folder.resolve("a.catena"))) {
            ArtifactException e = assertThrows(ArtifactException.class, () -> writer.entry("weights/a", out -> {
                out.write(ByteBuffer.allocate(10_000));
                throw new IOException("No space left on device");
            }));
            assertEquals(folder.resolve("a.catena") + ": cannot be written: No space left on device", e.getMessage());
            assertThrows(IllegalStateException.class, () -> writer.entry("weights/b", new byte[1]));
        }
        assertEquals(List.of(), left());
    }

    @Test
    void manifestThatBreaksARule() throws IOException {
        try (ArtifactWriter writer = ArtifactWriter.create(folder.resolve("a.catena"))) {
            assertThrows(IllegalArgumentException.class, () -> writer.commit(SmallArtifact.manifest()));
        }
        assertEquals(List.of(), left());
    }

    @Test
    void missingFolder() {
        ArtifactException e = assertThrows(ArtifactException.class, () -> ArtifactWriter.create(folder.resolve("no/a.catena")));
        assertTrue(e.getMessage().contains("does not exist"), e.getMessage());
    }

    @Test
    void fullDisk() throws Exception {
        Path disk = Files.createDirectory(folder.resolve("disk"));
        Process mount = new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk.toString()).start();
        Assumptions.assumeTrue(mount.waitFor() == 0, "mounting a tmpfs takes root");
        try {
            try (ArtifactWriter writer = ArtifactWriter.create(disk.resolve("a.catena"))) {
                ArtifactException e = assertThrows(ArtifactException.class,
                        () -> writer.entry("weights/a", new byte[3 << 20]));
                assertTrue(e.getMessage().endsWith("cannot be written: No space left on device"), e.getMessage());
            }
            try (Stream<Path> files = Files.list(disk)) {
                assertEquals(0, files.count());
            }
        } finally {
            new ProcessBuilder("umount", disk.toString()).start().waitFor();
        }
    }

    @Test
    void twoWritersOfOneTarget() throws IOException {
        Path target = folder.resolve("a.catena");
        try (ArtifactWriter first = ArtifactWriter.create(target); ArtifactWriter second = ArtifactWriter.create(target)) {
            SmallArtifact.entries(first);
            SmallArtifact.entries(second);
            first.commit(SmallArtifact.manifest());
            second.commit(SmallArtifact.manifest());
        }
        assertEquals(List.of("a.catena"), left());
        ArtifactReader.open(target).close();
    }

    @Test
    void terminatedProcess() throws Exception {
        Process child = startWriting();
        child.destroy();   // SIGTERM
        child.waitFor();
        assertEquals(List.of(), left());
    }

    @Test
    void killedProcessIsCleanedUpByTheNextWriter() throws Exception {
        Process child = startWriting();
        child.destroyForcibly().waitFor();   // SIGKILL
        assertEquals(1, left().size());
        age(left().get(0));
        SmallArtifact.write(folder.resolve("a.catena"));
        assertEquals(List.of("a.catena"), left());
    }

    @Test
    void livingWritersFileIsNotCleanedUp() throws Exception {
        Process child = startWriting();
        age(left().get(0));
        byte[] own = Files.readAllBytes(SmallArtifact.write(folder.resolve("a.catena")));
        assertEquals(2, left().size());
        child.destroy();
        child.waitFor();
        assertArrayEquals(own, Files.readAllBytes(folder.resolve("a.catena")));
        assertEquals(List.of("a.catena"), left());
    }

    @Test
    void writersInOneProcessKeepEachOthersFiles() throws Exception {
        Path target = folder.resolve("a.catena");
        try (ArtifactWriter first = ArtifactWriter.create(target)) {
            age(left().get(0));
            SmallArtifact.write(target);
            Process other = startWriting();   // finds the first one's file old, but still locked
            assertEquals(3, left().size());
            other.destroy();
            other.waitFor();
            SmallArtifact.entries(first);
            first.commit(SmallArtifact.manifest());
        }
        assertEquals(List.of("a.catena"), left());
    }

    /** By another process: Java would open and close the file, and with that give up this process's lock on it. */
    private void age(String name) throws Exception {
        assertEquals(0, new ProcessBuilder("touch", "-d", "1 minute ago", folder.resolve(name).toString()).start().waitFor());
    }

    private Process startWriting() throws IOException {
        Process child = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("java.class.path"), Endless.class.getName(), folder.resolve("a.catena").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        assertEquals('w', child.getInputStream().read(), "the child began to write");
        return child;
    }

    /** Writes until it is killed. */
    static final class Endless {
        public static void main(String[] args) {
            try (ArtifactWriter writer = ArtifactWriter.create(Path.of(args[0]))) {
                writer.entry("weights/endless", out -> {
                    for (long i = 0; i < 1 << 20; i++) {
                        out.write(ByteBuffer.allocate(10));
                        System.out.write('w');
                        System.out.flush();
                    }
                });
            }
        }
    }
}
