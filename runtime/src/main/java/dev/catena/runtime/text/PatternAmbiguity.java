package dev.catena.runtime.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Whether a regular expression can take a backtracking matcher exponential time, as {@code (a+)+$} does on a row of a's.
 *
 * <p>Its {@link PatternAutomaton} is exponentially ambiguous when a state can be left and reached again by the same characters in
 * two ways (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991): two states of one cycle are then
 * reached together. That does no harm where the match may end in every state of the cycle: the first way is then taken.
 */
final class PatternAmbiguity {
    /** Without a group, a count or a quantifier that is repeated, no cycle has two ways. */
    private static final Pattern REPEATED_PART = Pattern.compile("[)}*+?]\\s*[*+{]");

    private PatternAmbiguity() {}

    /**
     * Whether some text makes it try exponentially many ways.
     *
     * @throws IllegalArgumentException in half a line, for what can't be told: references back, calls, conditions, too many states
     */
    static boolean isExponential(String pattern) {
        return REPEATED_PART.matcher(pattern).find() && hasTwoWaysBack(PatternAutomaton.of(pattern));
    }

    private static boolean hasTwoWaysBack(PatternAutomaton automaton) {
        List<BitSet> cycles = automaton.cycles();
        for (int s = 0; s < cycles.size(); s++) {
            BitSet cycle = cycles.get(s);
            if (!cycle.stream().allMatch(automaton::endsFreely) && isAmbiguous(automaton, s, cycle)) {
                return true;
            }
        }
        return false;
    }

    /** Whether two ways lead from {@code start} back to it over the same characters. */
    private static boolean isAmbiguous(PatternAutomaton automaton, int start, BitSet cycle) {
        int count = automaton.states();
        BitSet seen = new BitSet();
        List<Integer> left = new ArrayList<>(List.of(start * count + start));
        List<Integer> apart = new ArrayList<>();
        Map<Integer, List<Integer>> before = new HashMap<>();
        while (!left.isEmpty()) {
            int pair = left.remove(left.size() - 1);
            for (Map.Entry<Integer, Integer> a : automaton.following(pair / count).entrySet()) {
                for (int b : automaton.following(pair % count).keySet()) {
                    if (!cycle.get(a.getKey()) || !cycle.get(b) || !automaton.overlap(a.getKey(), b)) {
                        continue;
                    }
                    if (pair / count == pair % count && a.getKey() == b && a.getValue() > 1) {
                        return true;   // one step, in two ways
                    }
                    int next = a.getKey() * count + b;
                    before.computeIfAbsent(next, n -> new ArrayList<>()).add(pair);
                    if (!seen.get(next)) {
                        seen.set(next);
                        left.add(next);
                        if (a.getKey() != b) {
                            apart.add(next);
                        }
                    }
                }
            }
        }
        // Backwards from the start: which of the pairs that went apart meet there again.
        BitSet meets = new BitSet();
        left.add(start * count + start);
        while (!left.isEmpty()) {
            int pair = left.remove(left.size() - 1);
            for (int earlier : before.getOrDefault(pair, List.of())) {
                if (!meets.get(earlier)) {
                    meets.set(earlier);
                    left.add(earlier);
                }
            }
        }
        return apart.stream().anyMatch(meets::get);
    }
}
