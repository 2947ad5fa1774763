package dev.catena.runtime.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression in Oniguruma's Ruby syntax as Glushkov's automaton (Glushkov, "The abstract theory of automata", 1961): a
 * state for each character or class, and how often each may follow each, since a backtracking matcher tries each way.
 *
 * <p>Anchors and what is looked ahead for count as things that may fail, possessive and atomic parts as ordinary ones.
 */
final class PatternAutomaton {
    /** What would take longer to look at than tokenizers in use could need; 30 is what they have. */
    private static final int MOST_STATES = 256;
    /** A repetition by more than this counts as one without end. */
    private static final int MOST_COPIES = 4;
    private static final int NEVER = Integer.MAX_VALUE;
    private static final Pattern COUNT = Pattern.compile("\\{(\\d{0,6})(,?)(\\d{0,6})\\}");
    private static final Pattern FLAGS = Pattern.compile("([a-zA-Z]*)(-[a-zA-Z]*)?[:)]");

    private final String pattern;
    private final int[] samples;
    private final Map<String, CharacterClass> knownClasses = new HashMap<>();
    private int at;
    private boolean ignoresCase;
    private boolean extended;
    /** Of each state what it takes. */
    private final List<CharacterClass> classes = new ArrayList<>();
    /** Of each state how often each other follows, up to twice. */
    private final List<Map<Integer, Integer>> follow = new ArrayList<>();
    /** States in which a match may end, whatever comes next. */
    private final BitSet accepting = new BitSet();
    private final BitSet matched = new BitSet();
    private final Map<Integer, Integer> first = new TreeMap<>();

    /** Characters that must be in all of some classes, and which samples are. */
    private record CharacterClass(List<Pattern> all, BitSet samples) {
        boolean takes(int codePoint) {
            for (Pattern each : all) {
                if (!each.matcher(Character.toString(codePoint)).matches()) {
                    return false;
                }
            }
            return true;
        }

        CharacterClass and(CharacterClass other) {
            List<Pattern> both = new ArrayList<>(all);
            both.addAll(other.all);
            BitSet common = (BitSet) samples.clone();
            common.and(other.samples);
            return new CharacterClass(both, common);
        }
    }

    /** Part of the expression. Counts are of ways, up to two. */
    private static final class Part {
        /** Ways to take no character. */
        private int empty;
        /** Whether one of them tests nothing. */
        private boolean freelyEmpty;
        private final Map<Integer, Integer> first = new TreeMap<>();
        private final Map<Integer, Integer> last = new TreeMap<>();
        /** Those of the last states behind which nothing is tested. */
        private final Set<Integer> free = new TreeSet<>();
        /** What the character behind it must be, too, or null. */
        private CharacterClass lookedFor;
    }

    private PatternAutomaton(String pattern) {
        this.pattern = pattern;
        samples = samples(pattern);
    }

    /** @throws IllegalArgumentException in half a line, for what can't be told: references back, calls, conditions, too many states */
    static PatternAutomaton of(String pattern) {
        PatternAutomaton automaton = new PatternAutomaton(pattern);
        Part whole = automaton.alternatives();
        require(automaton.at >= pattern.length(), "has a parenthesis too many");
        automaton.first.putAll(whole.first);
        automaton.accept(whole);
        whole.free.forEach(automaton.matched::set);
        return automaton;
    }

    int states() {
        return classes.size();
    }

    /** States that may come first, and in how many ways, up to two. */
    Map<Integer, Integer> first() {
        return first;
    }

    /** States that may come next, and in how many ways, up to two. */
    Map<Integer, Integer> following(int state) {
        return follow.get(state);
    }

    /** Whether some character leads to both states. */
    boolean overlap(int a, int b) {
        return classes.get(a).samples.intersects(classes.get(b).samples);
    }

    boolean takes(int state, int codePoint) {
        return classes.get(state).takes(codePoint);
    }

    /** Whether the match, or what is looked ahead for, may end in a state, whatever comes next. */
    boolean endsFreely(int state) {
        return accepting.get(state);
    }

    /** Likewise the match alone. */
    boolean matchEndsFreely(int state) {
        return matched.get(state);
    }

    /** Of each state those that it is on a cycle with, itself included where it is on one. */
    List<BitSet> cycles() {
        List<BitSet> reached = new ArrayList<>();
        for (int s = 0; s < states(); s++) {
            reached.add(reachedFrom(s));
        }
        List<BitSet> cycles = new ArrayList<>();
        for (int s = 0; s < states(); s++) {
            BitSet cycle = new BitSet();
            for (int t = reached.get(s).nextSetBit(0); t >= 0; t = reached.get(s).nextSetBit(t + 1)) {
                cycle.set(t, reached.get(t).get(s));
            }
            cycles.add(cycle);
        }
        return cycles;
    }

    private BitSet reachedFrom(int start) {
        BitSet reached = new BitSet();
        List<Integer> left = new ArrayList<>(follow.get(start).keySet());
        while (!left.isEmpty()) {
            int state = left.remove(left.size() - 1);
            if (!reached.get(state)) {
                reached.set(state);
                left.addAll(follow.get(state).keySet());
            }
        }
        return reached;
    }

    private void accept(Part whole) {
        whole.free.forEach(accepting::set);
    }

    // Reading.

    private Part alternatives() {
        Part all = sequence();
        while (at < pattern.length() && pattern.charAt(at) == '|') {
            at++;
            Part other = sequence();
            all.empty = Math.min(2, all.empty + other.empty);
            all.freelyEmpty |= other.freelyEmpty;
            addAll(all.first, other.first, 1);
            addAll(all.last, other.last, 1);
            all.free.addAll(other.free);
        }
        return all;
    }

    private Part sequence() {
        boolean caseBefore = ignoresCase;
        Part all = nothing();
        while (at < pattern.length() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
            Part next = quantified();
            if (all.lookedFor != null && isOneCharacter(next)) {
                int state = next.first.keySet().iterator().next();
                classes.set(state, classes.get(state).and(all.lookedFor));
            }
            all = joined(all, next);
            all.lookedFor = next.lookedFor;
        }
        all.lookedFor = null;
        ignoresCase = caseBefore;   // (?i) holds to the end of what encloses it
        return all;
    }

    private boolean isOneCharacter(Part part) {
        return part.empty == 0 && part.first.size() == 1 && part.first.keySet().equals(part.last.keySet())
                && follow.get(part.first.keySet().iterator().next()).isEmpty();
    }

    private static Part nothing() {
        Part part = new Part();
        part.empty = 1;
        part.freelyEmpty = true;
        return part;
    }

    /** An anchor: takes nothing and may fail. */
    private static Part test() {
        Part part = nothing();
        part.freelyEmpty = false;
        return part;
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
            connect(one.last, one.first);
            Part all = least == 0 ? optional(one) : one;
            for (int i = 1; i < least; i++) {
                all = joined(copy(start, caseBefore), all);
            }
            return all;
        }
        if (most == 0) {
            return nothing();
        }
        // a{2,4} is aa(a(a)?)?
        Part all = most > least ? optional(one) : one;
        for (int i = most - 1; i >= 1; i--) {
            all = joined(copy(start, caseBefore), all);
            all = i > least ? optional(all) : all;
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

    private Part optional(Part part) {
        part.empty = Math.min(2, part.empty + 1);
        part.freelyEmpty = true;
        return part;
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
            return test();
        }
        if (extended && (Character.isWhitespace(c) || c == '#')) {
            at = c == '#' ? lineEnd() : at + 1;
            return nothing();
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
            return closed(nothing());
        }
        for (String look : new String[] {"=", "!", "<=", "<!"}) {
            if (pattern.startsWith(look, at)) {
                at += look.length();
                Part looked = closed(alternatives());
                accept(looked);
                return look.startsWith("<") ? test() : lookAhead(looked, look.equals("="));
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
            return nothing();   // holds from here on
        }
        Part part = closed(alternatives());
        ignoresCase = caseBefore;
        extended = extendedBefore;
        return part;
    }

    /** A way that leads nowhere, besides the one that goes on. */
    private Part lookAhead(Part looked, boolean wanted) {
        Part test = test();
        test.first.putAll(looked.first);
        test.lookedFor = wanted && isOneCharacter(looked) ? classes.get(looked.first.keySet().iterator().next()) : null;
        return test;
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
            return test();
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

    // Building.

    private Part state(String text) {
        require(classes.size() < MOST_STATES, "is too large");
        int state = classes.size();
        classes.add(knownClasses.computeIfAbsent((ignoresCase ? "(?iu)" : "") + text, this::members));
        follow.add(new HashMap<>());
        Part part = new Part();
        part.first.put(state, 1);
        part.last.put(state, 1);
        part.free.add(state);
        return part;
    }

    private Part joined(Part a, Part b) {
        connect(a.last, b.first);
        Part both = new Part();
        both.empty = Math.min(2, a.empty * b.empty);
        both.freelyEmpty = a.freelyEmpty && b.freelyEmpty;
        addAll(both.first, a.first, 1);
        addAll(both.first, b.first, a.empty);
        addAll(both.last, b.last, 1);
        addAll(both.last, a.last, b.empty);
        both.free.addAll(b.free);
        if (b.freelyEmpty) {
            both.free.addAll(a.free);
        }
        return both;
    }

    private void connect(Map<Integer, Integer> from, Map<Integer, Integer> to) {
        from.forEach((state, ways) -> addAll(follow.get(state), to, ways));
    }

    private static void addAll(Map<Integer, Integer> to, Map<Integer, Integer> states, int times) {
        if (times > 0) {
            states.forEach((state, ways) -> to.merge(state, Math.min(2, ways * times), (x, y) -> Math.min(2, x + y)));
        }
    }

    /** Java's classes are written like Oniguruma's; one that Java doesn't know counts as all characters. */
    private CharacterClass members(String text) {
        BitSet members = new BitSet(samples.length);
        String java = text.replaceAll("\\[:(\\^?)(\\w+):\\]", "\\\\p{$2}");
        for (String spelled : new String[] {java, java.replaceAll("\\\\([pP])\\{\\^?(?=\\w{2})", "\\\\$1{Is")}) {
            try {
                Pattern one = Pattern.compile(spelled, Pattern.UNICODE_CHARACTER_CLASS);
                for (int i = 0; i < samples.length; i++) {
                    members.set(i, one.matcher(Character.toString(samples[i])).matches());
                }
                return new CharacterClass(List.of(one), members);
            } catch (PatternSyntaxException e) {
                members.clear();
            }
        }
        members.set(0, samples.length);
        return new CharacterClass(List.of(), members);
    }

    /** Characters by which classes are compared: ASCII, what the pattern names, and some of each of Unicode's categories. */
    private static int[] samples(String pattern) {
        Set<Integer> samples = new HashSet<>();
        for (int c = 0; c < 128; c++) {
            samples.add(c);
        }
        pattern.codePoints().forEach(samples::add);
        int[] perCategory = new int[32];
        for (int c = 128; c < 0x3100; c++) {
            if (perCategory[Character.getType(c)]++ < 3) {
                samples.add(c);
            }
        }
        samples.addAll(List.of(0x4E00, 0xAC00, 0x10400, 0x1F600));
        return samples.stream().mapToInt(Integer::intValue).toArray();
    }
}
