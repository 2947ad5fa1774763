package dev.catena.runtime.text;

import java.nio.charset.StandardCharsets;

/**
 * GPT-2's printable stand-ins for bytes, in which byte-level BPE writes its pieces: printable Latin-1 characters stand
 * for themselves, the other 68 bytes for U+0100 onwards, in order ({@code bytes_to_unicode} in GPT-2's encoder.py).
 */
final class ByteLevelAlphabet {
    private static final int[] BYTE_OF = new int[256 + 68];

    static {
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            if (!printable) {
                BYTE_OF[b] = -1;
            }
            BYTE_OF[printable ? b : next++] = b;
        }
    }

    private ByteLevelAlphabet() {
    }

    /** The bytes a piece stands for; its own UTF-8 if a character is not of the alphabet (added tokens), as the Rust library does. */
    static byte[] decode(String piece) {
        byte[] bytes = new byte[piece.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = piece.charAt(i);
            if (c >= BYTE_OF.length || BYTE_OF[c] < 0) {
                return piece.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) BYTE_OF[c];
        }
        return bytes;
    }
}
