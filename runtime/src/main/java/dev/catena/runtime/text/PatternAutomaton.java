package dev.catena.runtime.text;

import dev.catena.runtime.text.CharacterClasses.CharacterClass;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A regular expression in Oniguruma's Ruby syntax as Glushkov's automaton (Glushkov, "The abstract theory of automata", 1961): a
 * state for each character or class, and how often each may follow each, since a backtracking matcher tries each way.
 *
 * <p>Anchors and what is looked ahead for count as things that may fail, possessive and atomic parts as ordinary ones.
 */
final class PatternAutomaton {
    /** What would take longer to look at than tokenizers in use could need; 30 is what they have. */
    private static final int MOST_STATES = 256;

    /** Of each state what it takes. */
    private final List<CharacterClass> classes = new ArrayList<>();
    /** Of each state how often each other follows, up to twice. */
    private final List<Map<Integer, Integer>> follow = new ArrayList<>();
    /** States in which a match may end, whatever comes next. */
    private final BitSet accepting = new BitSet();
    private final BitSet matched = new BitSet();
    private final Map<Integer, Integer> first = new TreeMap<>();

    /** Part of the expression. Counts are of ways, up to two. */
    static final class Part {
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

    /** @throws IllegalArgumentException in half a line, for what can't be told: references back, calls, conditions, too many states */
    static PatternAutomaton of(String pattern) {
        PatternAutomaton automaton = new PatternAutomaton();
        Part whole = new PatternParser(pattern, automaton).whole();
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
        return classes.get(a).overlaps(classes.get(b));
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

    // What the parser builds it by.

    /** What may end in any of a part's last states, whatever comes next. */
    void accept(Part part) {
        part.free.forEach(accepting::set);
    }

    /** Takes one character. */
    Part state(CharacterClass taken) {
        if (classes.size() >= MOST_STATES) {
            throw new IllegalArgumentException("is too large");
        }
        int state = classes.size();
        classes.add(taken);
        follow.add(new HashMap<>());
        Part part = new Part();
        part.first.put(state, 1);
        part.last.put(state, 1);
        part.free.add(state);
        return part;
    }

    static Part nothing() {
        Part part = new Part();
        part.empty = 1;
        part.freelyEmpty = true;
        return part;
    }

    /** An anchor: takes nothing and may fail. */
    static Part test() {
        Part part = nothing();
        part.freelyEmpty = false;
        return part;
    }

    /** A way that leads nowhere, besides the one that goes on. */
    Part lookAhead(Part looked, boolean wanted) {
        Part test = test();
        test.first.putAll(looked.first);
        test.lookedFor = wanted && isOneCharacter(looked) ? classes.get(looked.first.keySet().iterator().next()) : null;
        return test;
    }

    static Part either(Part a, Part b) {
        Part both = new Part();
        both.empty = Math.min(2, a.empty + b.empty);
        both.freelyEmpty = a.freelyEmpty || b.freelyEmpty;
        for (Part each : List.of(a, b)) {
            addAll(both.first, each.first, 1);
            addAll(both.last, each.last, 1);
            both.free.addAll(each.free);
        }
        return both;
    }

    static Part optional(Part part) {
        part.empty = Math.min(2, part.empty + 1);
        part.freelyEmpty = true;
        return ended(part);
    }

    /** Whose end says nothing of the character behind it any more: it may be one of several, left out or repeated. */
    static Part ended(Part part) {
        part.lookedFor = null;
        return part;
    }

    /** Once or more often. */
    void repeat(Part part) {
        connect(part.last, part.first);
    }

    /** One behind the other; a character that was looked ahead for is what both take. */
    Part joined(Part a, Part b) {
        if (a.lookedFor != null && isOneCharacter(b)) {
            int state = b.first.keySet().iterator().next();
            classes.set(state, classes.get(state).and(a.lookedFor));
        }
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
        both.lookedFor = b.lookedFor;
        return both;
    }

    private boolean isOneCharacter(Part part) {
        return part.empty == 0 && part.first.size() == 1 && part.first.keySet().equals(part.last.keySet())
                && follow.get(part.first.keySet().iterator().next()).isEmpty();
    }

    private void connect(Map<Integer, Integer> from, Map<Integer, Integer> to) {
        from.forEach((state, ways) -> addAll(follow.get(state), to, ways));
    }

    private static void addAll(Map<Integer, Integer> to, Map<Integer, Integer> states, int times) {
        if (times > 0) {
            states.forEach((state, ways) -> to.merge(state, Math.min(2, ways * times), (x, y) -> Math.min(2, x + y)));
        }
    }
}
