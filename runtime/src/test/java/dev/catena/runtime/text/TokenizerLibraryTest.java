package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading happens once in a process, so each case has one of its own. */
class TokenizerLibraryTest {
    @TempDir
    Path cache;

    /** What the processes run: prints a text that went through the tokenizer. */
    static final class RoundTrip {
        public static void main(String[] args) {
            try (TextTokenizer tale = TextTokenizer.open(Path.of(args[0]))) {
                System.out.println(tale.decode(tale.encode("round trip")));
            }
        }
    }

    @Test
    void theLibraryIsUnpackedOnceIntoAFolderForUsAlone() throws Exception {
        assertEquals("round trip\n", roundTrip(cache));
        Path library = onlyFile(cache.resolve("native"));
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(library.getParent())));
        Object inode = Files.getAttribute(library, "unix:ino");
        assertEquals("round trip\n", roundTrip(cache));
        assertEquals(inode, Files.getAttribute(onlyFile(cache.resolve("native")), "unix:ino"), "used again");
    }

    @Test
    void anAlteredCopyIsReplaced() throws Exception {
        roundTrip(cache);
        Path library = onlyFile(cache.resolve("native"));
        byte[] right = Files.readAllBytes(library);
        byte[] altered = right.clone();
        altered[altered.length / 2] ^= 1;
        Files.write(library, altered);
        assertEquals("round trip\n", roundTrip(cache));
        assertArrayEquals(right, Files.readAllBytes(onlyFile(cache.resolve("native"))));
    }

    @Test
    void aFolderThatOthersMayWriteToBecomesOursAlone() throws Exception {
        Path open = Files.createDirectory(cache.resolve("native"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        roundTrip(cache);
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(open)));
        Path library = onlyFile(open);
        Object inode = Files.getAttribute(library, "unix:ino");
        Files.setPosixFilePermissions(library, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertEquals("round trip\n", roundTrip(cache));
        assertNotEquals(inode, Files.getAttribute(onlyFile(open), "unix:ino"), "what others may have written is not used");
    }

    @Test
    void aCacheThatCannotBeMadeIsNoObstacle() throws Exception {
        Path file = Files.createFile(cache.resolve("file"));
        assertEquals("round trip\n", roundTrip(file));
    }

    @Test
    void nothingOfDjlThatLogsOrReachesTheNetworkIsLoaded() throws Exception {
        String classes = roundTrip(cache, "-Xlog:class+load:stdout");
        assertTrue(classes.contains("ai.djl.huggingface.tokenizers.jni.TokenizersLibrary "), "the log lists classes");
        List<String> others = classes.lines().filter(line -> line.contains(" ai.djl.") || line.contains(" org.slf4j.") || line.contains(" java.net.Socket "))
                .filter(line -> !line.contains(" ai.djl.huggingface.tokenizers.jni.TokenizersLibrary ")).toList();
        assertEquals(List.of(), others);
    }

    private String roundTrip(Path cache, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto", "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(options));
        command.addAll(List.of(RoundTrip.class.getName(), Tokenizers.TALE.resolve("tokenizer.json").toString()));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("CATENA_CACHE", cache.toString());
        Path errors = Files.createTempFile("catena-test-", ".err");
        try {
            Process process = builder.redirectError(errors.toFile()).start();
            String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
            assertEquals(0, process.waitFor(), Files.readString(errors));
            assertEquals("", Files.readString(errors), "nothing is logged");
            return output;
        } finally {
            Files.delete(errors);
        }
    }

    private static Path onlyFile(Path folder) throws IOException {
        List<Path> files = files(folder);
        assertEquals(1, files.size(), files.toString());
        assertFalse(Files.isSymbolicLink(files.get(0)));
        return files.get(0);
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}
