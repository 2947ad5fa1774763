package dev.catena.runtime.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The tokens that a tokenizer finds written out in a text before anything else, such as {@code <|im_start|>}: what stands between them
 * is normalized, split and encoded piece by piece.
 */
final class AddedTokens {
    /** In use are some ten; a hostile file must not decide how long a text is looked through. */
    private static final int MOST_LENGTHS = 64;
    private static final int LONGEST = 256;

    private final Set<String> contents;
    private final BitSet firstCharacters = new BitSet();
    private final Set<Integer> lengths = new TreeSet<>(Comparator.reverseOrder());

    AddedTokens(Set<String> contents) {
        this.contents = contents;
        for (String content : contents) {
            if (!content.isEmpty()) {
                firstCharacters.set(content.charAt(0));
                lengths.add(content.length());
            }
        }
    }

    /** Whether there are so few kinds of them that a text can be cut quickly. */
    boolean areFew() {
        return lengths.size() <= MOST_LENGTHS && lengths.stream().allMatch(length -> length <= LONGEST);
    }

    /** What stands between the tokens that are written out in {@code text}, the longest taken where several begin. */
    List<String> between(String text) {
        List<String> pieces = new ArrayList<>();
        int begin = 0;
        for (int at = 0; at < text.length();) {
            int length = lengthAt(text, at);
            if (length > 0) {
                pieces.add(text.substring(begin, at));
                begin = at + length;
            }
            at += Math.max(1, length);
        }
        pieces.add(text.substring(begin));
        return pieces;
    }

    private int lengthAt(String text, int at) {
        if (firstCharacters.get(text.charAt(at))) {
            for (int length : lengths) {
                if (at + length <= text.length() && contents.contains(text.substring(at, at + length))) {
                    return length;
                }
            }
        }
        return 0;
    }
}
