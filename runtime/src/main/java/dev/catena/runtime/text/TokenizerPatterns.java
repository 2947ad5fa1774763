package dev.catena.runtime.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What regular expressions of a tokenizer are given to the native library, and what texts to them. Its parser ends the process where
 * they are nested too deep, and so does its matcher where one takes it too many tries ({@link PatternAmbiguity}); nobody can end
 * it where it only takes long ({@link PatternSteps}, {@link PatternTrial}).
 */
final class TokenizerPatterns {
    /** Ten times the longest in use. */
    private static final int LONGEST = 4096;
    private static final int DEEPEST = 64;
    /** A few seconds: what {@code \s+$} takes for a row of 20 000 spaces. */
    private static final double MOST_STEPS = 2e8;
    /** Besides, for texts of megabytes; in ordinary ones there are 5 to 50. */
    private static final double MOST_STEPS_PER_CHARACTER = 1000;
    private static final Set<String> UNICODE_FORMS = Set.of("NFC", "NFD", "NFKC", "NFKD");
    /** What leaves the characters of a text as they are. */
    private static final Set<String> CUTS = Set.of("Split", "Strip", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits",
            "UnicodeScripts", "CharDelimiterSplit", "BertPreTokenizer", "FixedLength");
    /** Counts as looking at the rest of the text from each character. */
    private static final String ANYTHING = "(?m:.)+$";

    /** A normalizer or pre-tokenizer, and those of its expressions whose time isn't in proportion to the text's length. */
    private record Part(String type, List<Slow> slow) {}

    /** @param trial none where nobody knows here what texts the expression is given, or what it means */
    private record Slow(String pattern, PatternSteps steps, Optional<PatternTrial> trial) {}

    /** In the order in which a text goes through them, to the last with a slow expression. */
    private final List<Part> parts = new ArrayList<>();
    private final AddedTokens added;

    private TokenizerPatterns(AddedTokens added) {
        this.added = added;
    }

    /**
     * Looks at all expressions of a tokenizer, such as {@code {"type": "Split", "pattern": {"Regex": "\\s+"}}}.
     *
     * @param added what texts are cut at before they are given to any
     * @throws TokenizerException naming the file, where one is too long, nested too deep or of exponential time
     */
    static TokenizerPatterns of(JsonNode normalizer, JsonNode preTokenizer, JsonNode decoder, AddedTokens added, String file) {
        for (JsonNode each : List.of(normalizer, preTokenizer, decoder)) {
            require(each, file);
        }
        List<JsonNode> all = new ArrayList<>();
        flatten(normalizer, all);
        flatten(preTokenizer, all);
        TokenizerPatterns patterns = new TokenizerPatterns(added);
        boolean known = true;
        boolean whole = added.areFew();
        for (JsonNode part : all) {
            String type = part.path("type").asText();
            List<Slow> slow = new ArrayList<>();
            for (JsonNode pattern : part.findValues("Regex")) {
                PatternSteps steps = steps(pattern.asText(), known);
                if (!steps.isLinear()) {
                    slow.add(new Slow(pattern.asText(), steps, whole ? PatternTrial.of(pattern.asText()) : Optional.empty()));
                }
            }
            patterns.parts.add(new Part(type, slow));
            known &= CUTS.contains(type) || UNICODE_FORMS.contains(type) || type.equals("Lowercase");
            whole &= UNICODE_FORMS.contains(type);
        }
        while (!patterns.parts.isEmpty() && patterns.parts.get(patterns.parts.size() - 1).slow().isEmpty()) {
            patterns.parts.remove(patterns.parts.size() - 1);
        }
        return patterns;
    }

    /**
     * Refuses a text that could keep the library's matcher busy for minutes, as tens of thousands of spaces do with {@code \s+$}.
     *
     * @throws UnencodableTextException in one line
     */
    void requireQuick(String text) {
        String seen = text;
        for (Part part : parts) {
            for (Slow slow : part.slow()) {
                double most = MOST_STEPS + MOST_STEPS_PER_CHARACTER * seen.length();
                int at = slow.steps().exceeds(most, seen);
                if (at >= 0 && !endsInTime(slow, seen)) {
                    throw new UnencodableTextException("the text's characters up to the " + at + "th have too long a run of one kind, such as white"
                            + " space, which could keep the tokenizer's regular expression " + shown(slow.pattern()) + " busy for minutes; break it up");
                }
            }
            seen = rewritten(seen, part.type());
        }
    }

    /** What the steps are an upper bound of may be far less: then the search is tried, with a matcher that can be stopped. */
    private boolean endsInTime(Slow slow, String text) {
        return slow.trial().isPresent() && slow.trial().get().ends(MOST_STEPS_PER_CHARACTER * text.length(), added.between(text));
    }

    private static String rewritten(String text, String type) {
        return UNICODE_FORMS.contains(type) ? Normalizer.normalize(text, Normalizer.Form.valueOf(type))
                : type.equals("Lowercase") ? text.toLowerCase(Locale.ROOT) : text;
    }

    private static void flatten(JsonNode part, List<JsonNode> into) {
        if (part.path("type").asText().equals("Sequence")) {
            part.path("normalizers").forEach(each -> flatten(each, into));
            part.path("pretokenizers").forEach(each -> flatten(each, into));
        } else if (part.isObject()) {
            into.add(part);
        }
    }

    private static PatternSteps steps(String pattern, boolean seesTheText) {
        try {
            return PatternSteps.of(pattern, seesTheText);
        } catch (IllegalArgumentException e) {   // of one that PatternAmbiguity needn't read
            return PatternSteps.of(ANYTHING, false);
        }
    }

    private static void require(JsonNode part, String file) {
        for (JsonNode pattern : part.findValues("Regex")) {
            String text = pattern.asText();
            if (text.length() > LONGEST) {
                throw new TokenizerException(file + ": has a regular expression of " + text.length() + " characters, at most " + LONGEST + " are supported");
            }
            if (depth(text) > DEEPEST) {
                throw new TokenizerException(file + ": has a regular expression that is nested more than " + DEEPEST + " deep");
            }
            requireTractable(text, file);
        }
    }

    private static void requireTractable(String pattern, String file) {
        String what = file + ": has the regular expression " + shown(pattern);
        boolean exponential;
        try {
            exponential = PatternAmbiguity.isExponential(pattern);
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(what + ", which " + e.getMessage(), e);
        }
        if (exponential) {
            throw new TokenizerException(what + ", which takes exponential time on some texts: a part of it is repeated that matches them in two ways");
        }
    }

    private static String shown(String pattern) {
        return pattern.length() <= 60 ? pattern : pattern.substring(0, 60) + "…";
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
