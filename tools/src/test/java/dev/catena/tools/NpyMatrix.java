package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a reader of NumPy's format sees, written from the format's description (NEP 1). */
record NpyMatrix(int rows, int columns, float[] values) {
  static NpyMatrix read(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[6];
    bytes.get(magic);
    assertArrayEquals(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'}, magic);
    assertEquals(1, bytes.get());
    assertEquals(0, bytes.get());
    byte[] header = new byte[bytes.getShort()];
    bytes.get(header);
    assertEquals(0, bytes.position() % 64, "data must be aligned");
    String text = new String(header, StandardCharsets.US_ASCII);
    assertTrue(text.endsWith("\n"));
    Matcher m = Pattern.compile("\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(([0-9]+), ([0-9]+)\\), \\} *\n")
        .matcher(text);
    assertTrue(m.matches(), text);
    float[] values = new float[bytes.remaining() / 4];
    bytes.asFloatBuffer().get(values);
    return new NpyMatrix(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)), values);
  }
}
