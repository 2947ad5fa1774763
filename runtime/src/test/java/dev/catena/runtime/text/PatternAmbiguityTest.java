package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PatternAmbiguityTest {
    /** The first five stand in OWASP's and Davis et al.'s lists of denial of service by regular expressions. */
    @ParameterizedTest
    @ValueSource(strings = {"(a+)+$", "([a-zA-Z]+)*!", "(a|aa)+x", "(a|a?)+$", "(.*a){5,}b", "(\\w+\\s?)+$", "(?:a*)*b", "(?:(?:x|y)+z?)+(?!\\S)",
        "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?b?)*c", "(?i:(K|k)+)$", "(\\p{L}|[é])+\\d", "x(?=(b+)+c)", "(\\p{N}{1,3})+,", "(?x: ( a + ) + ) $",
        "((?:a|b|ab)*)#", "(?<word>[^,]+)++;", "([[:alpha:]]|z)+\\b", "(\\p{Han}|一)+$", "(?:(?=b)?a|a)+$"})
    void takesExponentialTime(String pattern) {
        assertTrue(PatternAmbiguity.isExponential(pattern));
    }

    /** Of GPT-2, GPT-4, GPT-4o, Qwen, DeepSeek, BLOOM, Kimi, and what only looks dangerous. */
    @ParameterizedTest
    @ValueSource(strings = {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|\\s*[\\r\\n]+|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*",
        " ?[^(\\s|[.,!?…。，、।۔،])]+",
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+$", "(a|b)+$", "(ab*c)+d", "(?:\\d{1,3}\\.)*x", "(a+)+", "(a|[^b(])+", "(?:[0-9]+,)+;", "\\s+$", "(?:a|(?#or)b)+!"})
    void doesNot(String pattern) {
        assertFalse(PatternAmbiguity.isExponential(pattern));
    }

    @Test
    void whatCannotBeToldIsRefused() {
        for (String pattern : new String[] {"(a)+\\1", "(?<x>a\\g<x>?)+", "(a|(?(1)b))+", "(?:" + "a".repeat(300) + ")+b", "([a)+", "(a)+)"}) {
            assertThrows(IllegalArgumentException.class, () -> PatternAmbiguity.isExponential(pattern), pattern);
        }
    }
}
