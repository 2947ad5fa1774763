package dev.catena.runtime.text;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A search for all of a regular expression's matches by Java's matcher, which can be ended where the tokenizers library's can't: it
 * counts how often it looks at a character. {@link PatternSteps} bounds that for any text; of {@code \s+(?!\S)|\s+}, which GPT-2 and
 * its heirs split texts by, it doesn't see that a long run of spaces that is looked at as a whole is also matched as a whole.
 *
 * <p>Only expressions that mean the same to both, and through which both go in the same order, a step each: single characters and classes,
 * repeated or not, alternatives, and looking ahead or behind. Of a repeated group Java's matcher remembers where it failed.
 */
final class PatternTrial {
    /** Escapes, groups, classes and counts that Oniguruma reads otherwise, and repeated groups. */
    private static final Pattern OTHERWISE = Pattern.compile(String.join("|", "\\\\[^sSdDwWrntpP\\W]", "\\\\[pP]\\{\\^", "\\(\\?(?![:=!]|<[=!]|i:)",
            "\\)[*+{]", "\\[:", "\\[[^\\]]*\\[", "&&", "\\{[\\d,]+\\}[?+]"));

    private final Pattern pattern;

    private PatternTrial(Pattern pattern) {
        this.pattern = pattern;
    }

    /** Nothing for an expression that may mean something else to Java's matcher. */
    static Optional<PatternTrial> of(String pattern) {
        if (OTHERWISE.matcher(pattern).find()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new PatternTrial(Pattern.compile(pattern, Pattern.MULTILINE | Pattern.UNIX_LINES | Pattern.UNICODE_CHARACTER_CLASS)));
        } catch (PatternSyntaxException e) {
            return Optional.empty();
        }
    }

    /** Whether all matches in each of the {@code texts} are found with at most {@code most} looks at a character. */
    boolean ends(double most, List<String> texts) {
        Looks looks = new Looks(most);
        try {
            for (String text : texts) {
                Matcher matcher = pattern.matcher(new Watched(text, looks));
                while (matcher.find()) {
                    // the next one
                }
            }
            return true;
        } catch (TooManyLooks e) {
            return false;
        }
    }

    private static final class TooManyLooks extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooManyLooks() {
            super(null, null, false, false);
        }
    }

    private static final class Looks {
        private double left;

        Looks(double most) {
            left = most;
        }

        void take() {
            if (--left < 0) {
                throw new TooManyLooks();
            }
        }
    }

    private record Watched(String text, Looks looks) implements CharSequence {
        @Override
        public char charAt(int index) {
            looks.take();
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.substring(start, end);
        }
    }
}
