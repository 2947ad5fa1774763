package dev.catena.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HugePageFileTest {
    @TempDir
    Path folder;

    /** As an artifact is written: mostly onwards, with gaps, and headers before what is behind them already. */
    @Test
    void theFileHoldsWhatWasWrittenWhere() throws IOException {
        Random random = new Random(1);
        byte[] expected = new byte[9 << 20];
        Path path = folder.resolve("file");
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            HugePageFile file = new HugePageFile(channel);
            int end = 0;
            while (end < (8 << 20)) {
                byte[] data = new byte[random.nextInt(random.nextInt(4) == 0 ? 1 << 20 : 5000)];
                random.nextBytes(data);
                int at = end + random.nextInt(9000);
                if (at + data.length > expected.length) {
                    break;
                }
                file.write(ByteBuffer.wrap(data), at);
                System.arraycopy(data, 0, expected, at, data.length);
                byte[] header = new byte[Math.min(30, at - end)];
                random.nextBytes(header);
                file.write(ByteBuffer.wrap(header), end);
                System.arraycopy(header, 0, expected, end, header.length);
                byte[] early = new byte[100];
                random.nextBytes(early);
                int where = random.nextInt(at + 1);
                if (where + early.length <= at + data.length) {   // may begin in one piece and end in the next
                    file.write(ByteBuffer.wrap(early), where);
                    System.arraycopy(early, 0, expected, where, early.length);
                }
                end = at + data.length;
            }
            file.flush();
            assertArrayEquals(Arrays.copyOf(expected, end), Files.readAllBytes(path));
        }
    }
}
