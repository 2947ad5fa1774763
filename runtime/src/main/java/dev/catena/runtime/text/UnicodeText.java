package dev.catena.runtime.text;

/** What Java strings may hold and Unicode text may not: halves of surrogate pairs. */
final class UnicodeText {
    private UnicodeText() {
    }

    static boolean hasUnpairedSurrogate(String text) {
        return text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
    }

    /** The text with U+FFFD in place of each half of a pair. */
    static String repaired(String text) {
        if (!hasUnpairedSurrogate(text)) {
            return text;
        }
        return text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
