package dev.catena.runtime.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** What a regular expression's characters, escapes and classes take, compared by sample characters. */
final class CharacterClasses {
    private final int[] samples;
    private final Map<String, CharacterClass> known = new HashMap<>();

    CharacterClasses(String pattern) {
        samples = samples(pattern);
    }

    /** Characters that must be in all of some classes, and which samples are. */
    record CharacterClass(List<Pattern> all, BitSet samples) {
        boolean takes(int codePoint) {
            for (Pattern each : all) {
                if (!each.matcher(Character.toString(codePoint)).matches()) {
                    return false;
                }
            }
            return true;
        }

        boolean overlaps(CharacterClass other) {
            return samples.intersects(other.samples);
        }

        CharacterClass and(CharacterClass other) {
            List<Pattern> both = new ArrayList<>(all);
            both.addAll(other.all);
            BitSet common = (BitSet) samples.clone();
            common.and(other.samples);
            return new CharacterClass(both, common);
        }
    }

    /** @param text one character, escape or class, as the expression writes it */
    CharacterClass of(String text, boolean ignoresCase) {
        return known.computeIfAbsent((ignoresCase ? "(?iu)" : "") + text, this::read);
    }

    /** Java's classes are written like Oniguruma's; one that Java doesn't know counts as all characters. */
    private CharacterClass read(String text) {
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
