package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DamagedArtifactTest {
    @TempDir
    Path folder;

    private String refused(byte[] bytes) throws IOException {
        Path file = folder.resolve("x.catena");
        Files.write(file, bytes);
        ArtifactException e = assertThrows(ArtifactException.class, () -> ArtifactReader.open(file).close());
        assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
        assertTrue(e.getMessage().length() < 2000, e.getMessage());
        return e.getMessage();
    }

    private byte[] whole() throws IOException {
        return Files.readAllBytes(SmallArtifact.write(folder.resolve("whole.catena")));
    }

    @Test
    void everyFlippedBitIsFound() throws IOException {
        byte[] bytes = whole();
        Random random = new Random(7);
        List<Integer> positions = new ArrayList<>();
        for (int at = 0; at < bytes.length; at += 41) {   // headers, padding, data, manifest
            positions.add(at);
        }
        for (int at = bytes.length - 1300; at < bytes.length; at++) {   // directory, end records, comment
            positions.add(at);
        }
        for (int at : positions) {
            byte[] altered = bytes.clone();
            altered[at] ^= (byte) (1 << random.nextInt(8));
            refused(altered);
        }
    }

    @Test
    void everyTruncationIsFound() throws IOException {
        byte[] bytes = whole();
        for (int length = 0; length < bytes.length; length += length < 300 || length > bytes.length - 300 ? 1 : 97) {
            refused(java.util.Arrays.copyOf(bytes, length));
        }
    }

    @Test
    void addedBytesAreFound() throws IOException {
        byte[] bytes = whole();
        refused(java.util.Arrays.copyOf(bytes, bytes.length + 1));
        byte[] shifted = new byte[bytes.length + 4096];
        System.arraycopy(bytes, 0, shifted, 4096, bytes.length);
        refused(shifted);
    }

    @Test
    void foreignFilesAreNamedAsSuch() throws IOException {
        assertTrue(refused("hello, world".getBytes()).endsWith("it is not a Catena artifact"));
        assertTrue(refused(new byte[0]).endsWith("the file is empty"));
        refused(new byte[1 << 20]);
        Path zip = folder.resolve("foreign.zip");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
            out.putNextEntry(new ZipEntry("manifest.json"));
            out.write("{}".getBytes());
        }
        assertTrue(refused(Files.readAllBytes(zip)).endsWith("it is a zip file, but not a Catena artifact"));
    }

    @Test
    void missingFilesFoldersAndPipesAreNamed() throws Exception {
        assertTrue(assertThrows(ArtifactException.class, () -> ArtifactReader.open(folder.resolve("none"))).getMessage()
                .endsWith("no such file"));
        assertTrue(assertThrows(ArtifactException.class, () -> ArtifactReader.open(folder)).getMessage()
                .endsWith("is a folder, not an artifact"));
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        assertTrue(assertThrows(ArtifactException.class, () -> ArtifactReader.open(pipe)).getMessage()
                .endsWith("is not a regular file"));
    }

    @Test
    void anotherFormatSaysSo() throws IOException {
        byte[] bytes = whole();
        int comment = bytes.length - ("catena0 sha256=".length() + 64);
        byte[] newer = bytes.clone();
        newer[comment + 6]++;
        assertTrue(refused(newer).contains("it has format " + (Manifest.FORMAT + 1) + ", this version of Catena reads format "
                + Manifest.FORMAT + "; use a newer Catena"));
        newer[comment + 6] -= 2;
        assertTrue(refused(newer).contains("it has format " + (Manifest.FORMAT - 1) + ", this version of Catena reads format "
                + Manifest.FORMAT + "; compile the model again"));
        assertTrue(refused(withManifest(json -> json.replace("\"format\" : " + Manifest.FORMAT,
                "\"format\" : 99"))).contains("it has format 99"));
    }

    @Test
    void manifestsThatLieAreRefused() throws IOException {
        String[][] lies = {
            {"\"compiler\" :", "\"surprise\" : 1, \"compiler\" :", "surprise"},
            {"\"compiler\" : \"0.1.0\",", "", "compiler"},
            {"\"compiler\" : \"0.1.0\",", "\"compiler\" : \"0.1.0\", \"compiler\" : \"0.1.0\",", "Duplicate"},
            {"\"vocab\" : 50", "\"vocab\" : -50", "model.vocab is -50"},
            {"\"vocab\" : 50", "\"vocab\" : 51", "vocabulary"},
            {"\"vocab\" : 50", "\"vocab\" : 99999999999", "vocab"},
            {"\"vocab\" : 50", "\"vocab\" : 50.5", "vocab"},
            {"\"vocab\" : 50", "\"vocab\" : \"50\"", "vocab"},
            {"\"vocab\" : 50", "\"vocab\" : null", "vocab"},
            {"\"model\" : {", "\"model\" : null, \"x\" : {", "not valid"},
            {"\"arena_bytes\" : 4096", "\"arena_bytes\" : 9223372036854775807", "arena_bytes"},
            {"\"bytes\" : 5000", "\"bytes\" : 5001", "5001"},
            {"weights/embed/table", "weights/../../../etc/passwd", "missing entry"},
            {"weights/embed/table", "/etc/passwd", "missing entry"},
            {"\"weights/embed/table\" : {", "\"weights/../../x\" : {", "plain relative path"},
            {"\"symbol\" : \"stage_a\"", "\"symbol\" : \"sys tem\"", "not a C identifier"},
            {"\"entry\" : \"weights/embed/table\"", "\"entry\" : \"tokenizer.json\"", "outside weights/"},
            {"\"kind\" : \"rows\"", "\"kind\" : \"columns\"", "columns"},
            {"\"width\" : 25", "\"width\" : 26", "26"},
            {"\"eos\" : [ 2 ]", "\"eos\" : [ 50 ]", "model.eos"},
            {"\"eos\" : [", "\"eos\" : [ null,", "not valid"},
        };
        for (String[] lie : lies) {
            String message = refused(withManifest(json -> {
                String plain = json.replaceAll("\\[\\s+2\\s+\\]", "[ 2 ]");
                assertTrue(plain.contains(lie[0]), lie[0] + " in " + plain);
                int at = plain.indexOf(lie[0]);
                return plain.substring(0, at) + lie[1] + plain.substring(at + lie[0].length());
            }));
            assertTrue(message.contains(lie[2]), lie[1] + ": " + message);
        }
        refused(withManifest(json -> "[]"));
        refused(withManifest(json -> ""));
        refused(withManifest(json -> "[".repeat(100_000)));
        refused(withManifest(json -> json + "{}"));
    }

    @Test
    void forgedDirectoriesAreRefused() throws IOException {
        byte[] a = {1, 2, 3};
        assertTrue(refused(forged(List.of("manifest.json", "manifest.json"), a, 0)).contains("two entries are called"));
        assertTrue(refused(forged(List.of("../x", "manifest.json"), a, 0)).contains("plain relative path"));
        assertTrue(refused(forged(List.of("/x", "manifest.json"), a, 0)).contains("plain relative path"));
        assertTrue(refused(forged(List.of("x\ny", "manifest.json"), a, 0)).contains("printable ASCII"));
        assertTrue(refused(forged(List.of("x", "y"), a, 0)).contains("it has no manifest"));
        refused(forged(List.of("x", "manifest.json"), a, Long.MAX_VALUE));
        refused(forged(List.of("x", "manifest.json"), a, -1));
        refused(forged(List.of("x", "manifest.json"), a, 4096));   // overlaps its neighbour
    }

    /** The whole artifact with another manifest, and everything else made to fit it. */
    private byte[] withManifest(UnaryOperator<String> change) throws IOException {
        Path path = SmallArtifact.write(folder.resolve("whole.catena"));
        try (ArtifactReader reader = ArtifactReader.open(path)) {
            List<ZipLayout.Entry> entries = new ArrayList<>(ZipDirectory.read(reader.channel()).entries());
            ZipLayout.Entry old = entries.remove(entries.size() - 1);
            byte[] json = change.apply(new String(reader.bytes("manifest.json"), StandardCharsets.UTF_8))
                    .getBytes(StandardCharsets.UTF_8);
            byte[] start = java.util.Arrays.copyOf(Files.readAllBytes(path), (int) old.header());
            ZipLayout.Entry own = new ZipLayout.Entry("manifest.json", old.header(), json.length, crc(json));
            entries.add(own);
            return join(ByteBuffer.wrap(start), ZipLayout.localHeader(own), ByteBuffer.wrap(json),
                    ZipLayout.tail(entries, own.end(), ZipLayout.comment(sha256(json))));
        }
    }

    /** Entries of {@code data} under these names; the first claims {@code extraSize} more bytes in the directory. */
    private static byte[] forged(List<String> names, byte[] data, long extraSize) {
        List<ZipLayout.Entry> entries = new ArrayList<>();
        List<ByteBuffer> parts = new ArrayList<>();
        long end = 0;
        for (String name : names) {
            ZipLayout.Entry entry = new ZipLayout.Entry(name, end, data.length, crc(data));
            parts.add(ZipLayout.localHeader(entry));
            parts.add(ByteBuffer.wrap(data));
            end = entry.end();
            entries.add(entries.isEmpty() ? new ZipLayout.Entry(name, 0, data.length + extraSize, crc(data)) : entry);
        }
        parts.add(ZipLayout.tail(entries, end, ZipLayout.comment(sha256(data))));
        return join(parts.toArray(ByteBuffer[]::new));
    }

    private static byte[] join(ByteBuffer... parts) {
        int length = 0;
        for (ByteBuffer part : parts) {
            length += part.remaining();
        }
        ByteBuffer out = ByteBuffer.allocate(length);
        for (ByteBuffer part : parts) {
            out.put(part);
        }
        return out.array();
    }

    private static int crc(byte[] bytes) {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    private static String sha256(byte[] bytes) {
        MessageDigest digest = Sha256.start();
        return HexFormat.of().formatHex(digest.digest(bytes));
    }
}
