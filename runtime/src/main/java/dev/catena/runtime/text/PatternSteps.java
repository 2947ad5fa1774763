package dev.catena.runtime.text;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * How many characters a backtracking matcher looks at, at most, while it looks for a regular expression in a text: {@code \s+$}
 * makes it look at those of a long run of spaces again from each of them.
 *
 * <p>Counted are the ways through the {@link PatternAutomaton} that begin at any character and are not left by the character after,
 * in one pass over the text. A cycle in each of whose states the match may end is gone through once: who gets there has a match, and
 * the next is looked for behind it.
 */
final class PatternSteps {
    private static final int MOST_KNOWN_CHARACTERS = 1 << 16;

    private final int states;
    /** Of each state those before it, and how many ways lead from there. */
    private final int[][] before;
    private final int[][] waysFrom;
    private final int[] firstWays;
    private final BitSet once = new BitSet();
    /** Null where any character may be any other by the time the expression sees it. */
    private final PatternAutomaton automaton;
    private final Map<Integer, int[]> statesOfCharacter = new ConcurrentHashMap<>();
    private final boolean linear;

    private PatternSteps(PatternAutomaton automaton, boolean seesTheText) {
        states = automaton.states();
        List<BitSet> cycles = automaton.cycles();
        boolean all = true;
        for (int s = 0; s < states; s++) {
            boolean passed = !cycles.get(s).isEmpty() && cycles.get(s).stream().allMatch(automaton::matchEndsFreely);
            once.set(s, passed);
            all &= passed || cycles.get(s).isEmpty();
        }
        linear = all;
        firstWays = IntStream.range(0, states).map(s -> automaton.first().getOrDefault(s, 0)).toArray();
        before = new int[states][];
        waysFrom = new int[states][];
        for (int s = 0; s < states; s++) {
            int to = s;
            before[s] = IntStream.range(0, states).filter(from -> automaton.following(from).containsKey(to)).toArray();
            waysFrom[s] = IntStream.of(before[s]).map(from -> automaton.following(from).get(to)).toArray();
        }
        this.automaton = seesTheText ? automaton : null;
    }

    /**
     * @param seesTheText false where the expression is given characters that others were made into
     * @throws IllegalArgumentException in half a line, for an expression that can't be told
     */
    static PatternSteps of(String pattern, boolean seesTheText) {
        return new PatternSteps(PatternAutomaton.of(pattern), seesTheText);
    }

    /** Whether the steps are at most a number of times the characters, whatever the text is. */
    boolean isLinear() {
        return linear;
    }

    /** The index of the character at which there have been more steps than {@code most}, or −1 if it doesn't come to that. */
    int exceeds(double most, String text) {
        double steps = 0;
        double[] ways = new double[states];
        double[] next = new double[states];
        int[] active = {};
        for (int at = 0; at < text.length();) {
            int character = text.codePointAt(at);
            int[] taking = statesOf(character);
            for (int s : taking) {
                double sum = firstWays[s];
                for (int i = 0; i < before[s].length; i++) {
                    sum += ways[before[s][i]] * waysFrom[s][i];
                }
                next[s] = once.get(s) ? Math.min(sum, 1) : sum;
                steps += next[s];
            }
            if (steps > most) {
                return at;
            }
            for (int s : active) {
                ways[s] = 0;
            }
            active = taking;
            double[] spare = ways;
            ways = next;
            next = spare;
            at += Character.charCount(character);
        }
        return -1;
    }

    private int[] statesOf(int character) {
        int key = automaton == null ? 0 : character;
        int[] known = statesOfCharacter.get(key);
        if (known == null) {
            known = IntStream.range(0, states).filter(s -> automaton == null || automaton.takes(s, character)).toArray();
            if (statesOfCharacter.size() < MOST_KNOWN_CHARACTERS) {
                statesOfCharacter.put(key, known);
            }
        }
        return known;
    }
}
