package dev.catena.runtime.text;

import java.util.List;

/**
 * Finds the first of several stop texts in characters that come one at a time, and knows how much of what came may be
 * the start of one. One Knuth–Morris–Pratt automaton per stop text: constant amortised work per character, and the result
 * doesn't depend on how the text was cut. Of stops that end at the same character the longest counts.
 */
final class StopMatcher {
    private final List<String> stops;
    private final int[][] borders;
    /** Per stop, how many of its characters the text so far ends with. */
    private final int[] matched;
    private int longest;

    /** @throws IllegalArgumentException if a stop text is empty or not valid Unicode */
    StopMatcher(List<String> stops) {
        this.stops = List.copyOf(stops);
        for (String stop : this.stops) {
            if (stop.isEmpty()) {
                throw new IllegalArgumentException("a stop text must not be empty");
            }
            if (UnicodeText.hasUnpairedSurrogate(stop)) {
                throw new IllegalArgumentException("a stop text must be valid Unicode");
            }
        }
        borders = this.stops.stream().map(StopMatcher::borders).toArray(int[][]::new);
        matched = new int[this.stops.size()];
    }

    /** Takes the next character; returns the stop text that it completes, or null. */
    String accept(char c) {
        String found = null;
        longest = 0;
        for (int s = 0; s < matched.length; s++) {
            String stop = stops.get(s);
            int length = matched[s];
            while (length > 0 && stop.charAt(length) != c) {
                length = borders[s][length - 1];
            }
            if (stop.charAt(length) == c) {
                length++;
            }
            if (length == stop.length()) {
                if (found == null || length > found.length()) {
                    found = stop;
                }
                length = borders[s][length - 1];
            }
            matched[s] = length;
            longest = Math.max(longest, length);
        }
        return found;
    }

    /** How many of the last characters may be the start of a stop text. */
    int undecided() {
        return longest;
    }

    /** For each prefix of the text, the length of the longest proper prefix that also ends it. */
    private static int[] borders(String text) {
        int[] borders = new int[text.length()];
        for (int i = 1, length = 0; i < borders.length; i++) {
            while (length > 0 && text.charAt(i) != text.charAt(length)) {
                length = borders[length - 1];
            }
            if (text.charAt(i) == text.charAt(length)) {
                length++;
            }
            borders[i] = length;
        }
        return borders;
    }
}
