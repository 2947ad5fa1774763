package dev.catena.runtime.text;

import com.fasterxml.jackson.databind.JsonNode;

/** What regular expressions of a tokenizer are given to the native library, whose parser ends the process where they are nested too deep. */
final class TokenizerPatterns {
    /** Ten times the longest in use. */
    private static final int LONGEST = 4096;
    private static final int DEEPEST = 64;

    private TokenizerPatterns() {}

    /**
     * Looks at all patterns in a part of a tokenizer, such as {@code {"type": "Split", "pattern": {"Regex": "\\s+"}}}.
     *
     * @throws TokenizerException naming the file, where one is too long or nested too deep
     */
    static void require(JsonNode part, String file) {
        for (JsonNode pattern : part.findValues("Regex")) {
            String text = pattern.asText();
            if (text.length() > LONGEST) {
                throw new TokenizerException(file + ": has a regular expression of " + text.length() + " characters, at most " + LONGEST + " are supported");
            }
            if (depth(text) > DEEPEST) {
                throw new TokenizerException(file + ": has a regular expression that is nested more than " + DEEPEST + " deep");
            }
        }
    }

    /** Groups and classes that are open at once, whatever is a character and what opens one. */
    private static int depth(String pattern) {
        int open = 0;
        int deepest = 0;
        for (int i = 0; i < pattern.length(); i++) {
            switch (pattern.charAt(i)) {
                case '\\' -> i++;
                case '(', '[' -> deepest = Math.max(deepest, ++open);
                case ')', ']' -> open = Math.max(0, open - 1);
                default -> { }
            }
        }
        return deepest;
    }
}
