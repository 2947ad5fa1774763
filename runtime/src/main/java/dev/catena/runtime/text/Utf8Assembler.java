package dev.catena.runtime.text;

/**
 * Turns bytes that come one at a time into characters and keeps back an unfinished one. Malformed input becomes U+FFFD,
 * one for each maximal part of a character, exactly as the UTF-8 decoder of the WHATWG Encoding Standard (section 8.1.1)
 * and Rust's {@code from_utf8_lossy} do it; Java's own decoder counts encoded surrogates differently.
 */
final class Utf8Assembler {
    private static final char REPLACEMENT = '\uFFFD';

    private int codePoint;
    /** Continuation bytes still to come; 0 between characters. */
    private int missing;
    /** Bounds of the next continuation byte, which keep out overlong forms, surrogates and what is above U+10FFFF. */
    private int lower = 0x80;
    private int upper = 0xBF;

    void accept(byte next, StringBuilder out) {
        int b = next & 0xFF;
        if (missing > 0) {
            if (b >= lower && b <= upper) {
                lower = 0x80;
                upper = 0xBF;
                codePoint = codePoint << 6 | b & 0x3F;
                if (--missing == 0) {
                    out.appendCodePoint(codePoint);
                }
                return;
            }
            finish(out);
        }
        start(b, out);
    }

    /** Ends the text: an unfinished character becomes U+FFFD. */
    void finish(StringBuilder out) {
        if (missing > 0) {
            out.append(REPLACEMENT);
            missing = 0;
            lower = 0x80;
            upper = 0xBF;
        }
    }

    private void start(int b, StringBuilder out) {
        if (b < 0x80) {
            out.append((char) b);
        } else if (b >= 0xC2 && b <= 0xDF) {
            codePoint = b & 0x1F;
            missing = 1;
        } else if (b >= 0xE0 && b <= 0xEF) {
            lower = b == 0xE0 ? 0xA0 : 0x80;
            upper = b == 0xED ? 0x9F : 0xBF;
            codePoint = b & 0xF;
            missing = 2;
        } else if (b >= 0xF0 && b <= 0xF4) {
            lower = b == 0xF0 ? 0x90 : 0x80;
            upper = b == 0xF4 ? 0x8F : 0xBF;
            codePoint = b & 0x7;
            missing = 3;
        } else {
            out.append(REPLACEMENT);
        }
    }
}
