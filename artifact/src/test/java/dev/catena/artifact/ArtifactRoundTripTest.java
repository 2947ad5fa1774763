package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArtifactRoundTripTest {
    @TempDir
    Path folder;

    @Test
    void readerGivesBackWhatWasWritten() throws IOException {
        Path file = SmallArtifact.write(folder.resolve("a.catena"));
        try (ArtifactReader reader = ArtifactReader.open(file)) {
            Manifest expected = SmallArtifact.manifest();
            assertEquals(expected, reader.manifest().withEntries(expected.entries()));
            assertArrayEquals(SmallArtifact.WEIGHTS, reader.bytes("weights/embed/table"));
            assertEquals(0, reader.length("weights/head/empty"));
            ByteBuffer mapped = reader.channel().map(java.nio.channels.FileChannel.MapMode.READ_ONLY,
                    reader.offset("weights/embed/table"), reader.length("weights/embed/table"));
            assertEquals(ByteBuffer.wrap(SmallArtifact.WEIGHTS), mapped);
            assertThrows(IllegalArgumentException.class, () -> reader.offset("weights/none"));
        }
    }

    @Test
    void dataIsAligned() {
        Path file = SmallArtifact.write(folder.resolve("a.catena"));
        try (ArtifactReader reader = ArtifactReader.open(file)) {
            for (String name : reader.names()) {
                assertEquals(0, reader.offset(name) % 4096, name);
            }
        }
    }

    @Test
    void sameInputGivesSameBytes() throws IOException {
        byte[] first = Files.readAllBytes(SmallArtifact.write(folder.resolve("a.catena")));
        byte[] second = Files.readAllBytes(SmallArtifact.write(folder.resolve("b.catena")));
        assertArrayEquals(first, second);
    }

    @Test
    void javasZipReaderAcceptsIt() throws IOException {
        Path file = SmallArtifact.write(folder.resolve("a.catena"));
        try (ZipFile zip = new ZipFile(file.toFile())) {
            List<? extends ZipEntry> entries = Collections.list(zip.entries());
            assertEquals(6, entries.size());
            assertEquals("manifest.json", entries.get(5).getName());
            ZipEntry weights = zip.getEntry("weights/embed/table");
            assertEquals(ZipEntry.STORED, weights.getMethod());
            assertArrayEquals(SmallArtifact.WEIGHTS, zip.getInputStream(weights).readAllBytes());
        }
    }

    @Test
    void unzipAcceptsIt() throws Exception {
        Path file = SmallArtifact.write(folder.resolve("a.catena"));
        org.junit.jupiter.api.Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/unzip")), "no unzip here");
        Process unzip = new ProcessBuilder("/usr/bin/unzip", "-t", file.toString()).redirectErrorStream(true).start();
        String said = new String(unzip.getInputStream().readAllBytes());
        assertEquals(0, unzip.waitFor(), said);
        assertTrue(said.contains("No errors detected"), said);
    }

    @Test
    void entriesBeyondFourGigabytesAreZip64() throws IOException {
        // A sparse file: the hole is read as zeros, so only the directory code sees the size.
        long size = (5L << 30) + 7;
        ZipLayout.Entry large = new ZipLayout.Entry("weights/large", 0, size, 0);
        ZipLayout.Entry after = new ZipLayout.Entry("after", large.end(), 0, 0);
        Path file = folder.resolve("large.zip");
        try (var channel = java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.CREATE_NEW,
                java.nio.file.StandardOpenOption.WRITE, java.nio.file.StandardOpenOption.READ)) {
            channel.write(ZipLayout.localHeader(large), 0);
            channel.write(ZipLayout.localHeader(after), after.header());
            channel.write(ZipLayout.tail(List.of(large, after), after.end(), ZipLayout.comment("0".repeat(64))), after.end());
            assertEquals(List.of(large, after), ZipDirectory.read(channel).entries());
        }
        try (ZipFile zip = new ZipFile(file.toFile())) {
            assertEquals(size, zip.getEntry("weights/large").getSize());
        }
    }

    @Test
    void badAndDoubledNamesAreRefusedByTheWriter() {
        try (ArtifactWriter writer = ArtifactWriter.create(folder.resolve("a.catena"))) {
            for (String name : List.of("", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\\b", "ä", "a\nb", "manifest.json",
                    "x".repeat(513))) {
                assertThrows(IllegalArgumentException.class, () -> writer.entry(name, new byte[1]), name);
            }
            writer.entry("a", new byte[1]);
            assertThrows(IllegalArgumentException.class, () -> writer.entry("a", new byte[1]));
        }
    }
}
