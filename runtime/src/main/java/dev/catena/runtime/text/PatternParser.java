package dev.catena.runtime.text;

import dev.catena.runtime.text.PatternAutomaton.Part;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads a regular expression in Oniguruma's Ruby syntax into a {@link PatternAutomaton}. */
final class PatternParser {
    /** A repetition by more than this counts as one without end. */
    private static final int MOST_COPIES = 4;
    private static final int NEVER = Integer.MAX_VALUE;
    private static final Pattern COUNT = Pattern.compile("\\{(\\d{0,6})(,?)(\\d{0,6})\\}");
    private static final Pattern FLAGS = Pattern.compile("([a-zA-Z]*)(-[a-zA-Z]*)?[:)]");

    private final String pattern;
    private final PatternAutomaton automaton;
    private final CharacterClasses classes;
    private int at;
    private boolean ignoresCase;
    private boolean extended;

    PatternParser(String pattern, PatternAutomaton automaton) {
        this.pattern = pattern;
        this.automaton = automaton;
        classes = new CharacterClasses(pattern);
    }

    /** @throws IllegalArgumentException as {@link PatternAutomaton#of} does */
    Part whole() {
        Part whole = alternatives();
        require(at >= pattern.length(), "has a parenthesis too many");
        return whole;
    }

    private Part alternatives() {
        Part all = sequence();
        while (at < pattern.length() && pattern.charAt(at) == '|') {
            at++;
            all = PatternAutomaton.either(all, sequence());
        }
        return all;
    }

    private Part sequence() {
        boolean caseBefore = ignoresCase;
        Part all = PatternAutomaton.nothing();
        while (at < pattern.length() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
            all = automaton.joined(all, quantified());
        }
        ignoresCase = caseBefore;   // (?i) holds to the end of what encloses it
        return PatternAutomaton.ended(all);
    }

    private Part quantified() {
        int start = at;
        boolean caseBefore = ignoresCase;
        Part part = atom();
        boolean counted = false;
        while (at < pattern.length()) {
            int least;
            int most;
            if (extended && Character.isWhitespace(pattern.charAt(at))) {
                at++;
                continue;
            }
            Matcher count = COUNT.matcher(pattern).region(at, pattern.length());
            char c = pattern.charAt(at);
            if (c == '?' || c == '*' || c == '+') {
                least = c == '+' ? 1 : 0;
                most = c == '?' ? 1 : NEVER;
                at++;
            } else if (c == '{' && count.lookingAt() && count.end() - at > 2 && !count.group().equals("{,}")) {
                least = count.group(1).isEmpty() ? 0 : Integer.parseInt(count.group(1));
                most = !count.group(3).isEmpty() ? Integer.parseInt(count.group(3)) : count.group(2).isEmpty() ? least : NEVER;
                at = count.end();
            } else {
                break;
            }
            int end = at;
            // A count of a count is taken for one without end: copies are of the atom alone.
            part = counted && most > 1 ? repeated(part, start, caseBefore, Math.min(least, 1), NEVER)
                    : repeated(part, start, caseBefore, Math.min(least, MOST_COPIES), most > MOST_COPIES ? NEVER : most);
            counted = true;
            at = end;
            if (c != '{' && at < pattern.length() && (pattern.charAt(at) == '?' || pattern.charAt(at) == '+')) {
                at++;   // lazy or possessive
            } else if (c == '{' && at < pattern.length() && pattern.charAt(at) == '?') {
                at++;
            }
        }
        return part;
    }

    /** @param one the part as it was read once; further copies are read again, since their states are others */
    private Part repeated(Part one, int start, boolean caseBefore, int least, int most) {
        if (most == NEVER) {
            automaton.repeat(one);
            Part all = least == 0 ? PatternAutomaton.optional(one) : one;
            for (int i = 1; i < least; i++) {
                all = automaton.joined(copy(start, caseBefore), all);
            }
            return all;
        }
        if (most == 0) {
            return PatternAutomaton.nothing();
        }
        // a{2,4} is aa(a(a)?)?
        Part all = most > least ? PatternAutomaton.optional(one) : one;
        for (int i = most - 1; i >= 1; i--) {
            all = automaton.joined(copy(start, caseBefore), all);
            all = i > least ? PatternAutomaton.optional(all) : all;
        }
        return all;
    }

    private Part copy(int start, boolean caseBefore) {
        boolean caseNow = ignoresCase;
        ignoresCase = caseBefore;
        at = start;
        Part copy = atom();
        ignoresCase = caseNow;
        return copy;
    }

    private Part atom() {
        char c = pattern.charAt(at);
        if (c == '(') {
            return group();
        }
        if (c == '[') {
            return state(classText());
        }
        if (c == '\\') {
            return escape();
        }
        if (c == '^' || c == '$') {
            at++;
            return PatternAutomaton.test();
        }
        if (extended && (Character.isWhitespace(c) || c == '#')) {
            at = c == '#' ? lineEnd() : at + 1;
            return PatternAutomaton.nothing();
        }
        int character = pattern.codePointAt(at);
        at += Character.charCount(character);
        return c == '.' ? state("(?s:.)") : state(Pattern.quote(Character.toString(character)));
    }

    private int lineEnd() {
        int end = pattern.indexOf('\n', at);
        return end < 0 ? pattern.length() : end + 1;
    }

    private Part group() {
        at++;
        if (!pattern.startsWith("?", at)) {
            return closed(alternatives());
        }
        at++;
        if (pattern.startsWith("#", at)) {
            at = pattern.indexOf(')', at);
            require(at >= 0, "has a comment without an end");
            return closed(PatternAutomaton.nothing());
        }
        for (String look : new String[] {"=", "!", "<=", "<!"}) {
            if (pattern.startsWith(look, at)) {
                at += look.length();
                Part looked = closed(alternatives());
                automaton.accept(looked);
                return look.startsWith("<") ? PatternAutomaton.test() : automaton.lookAhead(looked, look.equals("="));
            }
        }
        if (pattern.startsWith(">", at)) {
            at++;
            return closed(alternatives());
        }
        if (pattern.startsWith("<", at) || pattern.startsWith("'", at)) {
            int end = pattern.indexOf(pattern.charAt(at) == '<' ? '>' : '\'', at + 1);
            require(end >= 0, "has a group whose name doesn't end");
            at = end + 1;
            return closed(alternatives());
        }
        Matcher flags = FLAGS.matcher(pattern).region(at, pattern.length());
        require(flags.lookingAt(), "has a group of a kind that is not supported");
        at = flags.end();
        boolean caseBefore = ignoresCase;
        boolean extendedBefore = extended;
        ignoresCase |= flags.group(1).contains("i");
        extended |= flags.group(1).contains("x");
        if (flags.group().endsWith(")")) {
            return PatternAutomaton.nothing();   // holds from here on
        }
        Part part = closed(alternatives());
        ignoresCase = caseBefore;
        extended = extendedBefore;
        return part;
    }

    private Part closed(Part part) {
        require(at < pattern.length(), "has a group without an end");
        at++;
        return part;
    }

    private Part escape() {
        require(at + 1 < pattern.length(), "ends in a backslash");
        char c = pattern.charAt(at + 1);
        if ("bBAzZGK".indexOf(c) >= 0) {
            at += 2;
            return PatternAutomaton.test();
        }
        require("kg123456789".indexOf(c) < 0, "refers back or calls a group, which is not supported");
        int start = at;
        at += 2;
        if ((c == 'p' || c == 'P' || c == 'x') && pattern.startsWith("{", at)) {
            int end = pattern.indexOf('}', at);
            require(end >= 0, "has a brace without an end");
            at = end + 1;
        } else if (c == 'x' || c == 'u') {
            at = Math.min(pattern.length(), at + (c == 'x' ? 2 : 4));
        } else if (Character.isHighSurrogate(c) && at < pattern.length()) {
            at++;
        }
        return state(c == 'R' || c == 'X' ? "(?s:.)" : pattern.substring(start, at));
    }

    /** A class in brackets, which may hold others. */
    private String classText() {
        int start = at;
        int open = 0;
        do {
            char c = pattern.charAt(at);
            boolean begins = c == '[';
            open += begins ? 1 : c == ']' ? -1 : 0;
            at += c == '\\' ? 2 : 1;
            if (begins && pattern.startsWith("^", at)) {
                at++;
            }
            if (begins && pattern.startsWith("]", at)) {
                at++;   // the first one stands for itself
            }
            require(at < pattern.length() || open == 0, "has a class without an end");
        } while (open > 0);
        return pattern.substring(start, at);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    private Part state(String text) {
        return automaton.state(classes.of(text, ignoresCase));
    }
}
