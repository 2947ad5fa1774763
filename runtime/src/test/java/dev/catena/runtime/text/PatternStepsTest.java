package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Judged by Java's matcher, which backtracks, too: how often it looks at a character. */
class PatternStepsTest {
    private static final String[] TEXTS = {" ".repeat(500) + "x", "a".repeat(500), "ab".repeat(250) + "!", "\n \n\n".repeat(100) + ".",
        "word ".repeat(100), "1234567,".repeat(70), "aAbB".repeat(100) + "'s"};

    /** Of characters that are looked at once in several ways a matcher may count each look. */
    private static final double LOOKS_A_STEP = 4;

    /** A text whose characters are counted when they are looked at. */
    private static final class Counted implements CharSequence {
        private final String text;
        private long looks;

        Counted(String text) {
            this.text = text;
        }

        @Override
        public char charAt(int index) {
            looks++;
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.subSequence(start, end);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\\s+$", "\\s+(?!\\S)|\\s+", "\\s*[\\r\\n]+|\\s+", "[a-z]*\\s*$", "(?:ab)+c|a", "(?=.*!x)a|b", "a+(?=b+c)", "\\w+\\d|\\w", "(?:a|b)+?!!",
        "[A-Za-z]+'t|[A-Za-z]", " ?[A-Za-z]+| ?[0-9]+| ?[^\\sA-Za-z0-9]+|\\s+", "(?i:AB)*Z", "\\d{1,3}(?=(?:\\d{3})*,,)", "\\s+?x{2}", "(?s:.)*y"})
    void neverFewerThanAMatcherTakes(String pattern) {
        PatternSteps steps = PatternSteps.of(pattern, true);
        for (String text : TEXTS) {
            Counted counted = new Counted(text);
            Matcher matcher = Pattern.compile(pattern).matcher(counted);
            int found = 0;
            while (matcher.find()) {
                found++;
            }
            // Besides, it looks once or twice at each place where it begins or ends a match.
            double least = counted.looks / LOOKS_A_STEP - 2.0 * text.length() - found;
            assertTrue(least <= 0 || steps.exceeds(least, text) >= 0, pattern + ": " + counted.looks + " looks at " + text.substring(0, 9));
        }
    }

    @Test
    void grossButNotWild() {
        PatternSteps spaces = PatternSteps.of("\\s+$", true);
        assertFalse(spaces.isLinear());
        // 1 + 2 + … + 1000
        assertEquals(-1, spaces.exceeds(500_500, " ".repeat(1000)));
        assertTrue(spaces.exceeds(500_499, " ".repeat(1000)) >= 0);
        assertEquals(-1, spaces.exceeds(500_500, (" ".repeat(10) + "x").repeat(1000)));
        // Each way through a cycle that begins behind another: 1 + 3 + 6 + …
        assertTrue(PatternSteps.of("\\s*\\s+$", true).exceeds(1e8, " ".repeat(1000)) >= 0);
        for (String linear : new String[] {"\\p{L}+", " ?[a-z]+|\\d{1,3}|\\S", "a+(?:b)?", "(?:ab?)+", "(?<=a)b"}) {
            assertTrue(PatternSteps.of(linear, true).isLinear(), linear);
        }
        for (String slow : new String[] {"a+$", "a+b", "(?=a+)b", "(?!a+b)a", "a+\\b"}) {
            assertFalse(PatternSteps.of(slow, true).isLinear(), slow);
        }
    }
}
