package dev.catena.runtime.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextStreamTest {
    private static final TextTokenizer TALE = TextTokenizer.of(Tokenizers.taleJson(), "tale");
    private static final TextTokenizer LLAMA2 = Tokenizers.sentencepiece(Tokenizers.LLAMA2_DECODER);
    private static final TextTokenizer METASPACE = Tokenizers.sentencepiece(Tokenizers.METASPACE_DECODER);

    // ---- characters

    @ParameterizedTest
    @ValueSource(strings = {"Once upon a time", "Grüße", "日本語のテキスト", "👩‍👩‍👧‍👦 and 🐈", "e\u0301 a\u0308\u0323", "a  b   the", "tail \n"})
    void piecesAreWholeCharactersAndAddUpToTheText(String text) {
        for (TextTokenizer tokenizer : List.of(TALE, LLAMA2, METASPACE)) {
            TextStream stream = new TextStream(tokenizer, List.of());
            StringBuilder all = new StringBuilder();
            for (int id : tokenizer.encode(text, true)) {
                String piece = stream.add(id);
                assertFalse(UnicodeText.hasUnpairedSurrogate(piece) || piece.contains("\uFFFD"), "half a character: " + piece);
                all.append(piece);
            }
            assertEquals(text, all.toString(), "nothing is left for flush");
            assertEquals("", stream.flush());
        }
    }

    @Test
    void aCharacterComesWithItsLastByte() {
        TextStream stream = new TextStream(TALE, List.of());
        assertEquals(List.of("", "", "", "🐈", "x"), feed(stream, bytes("🐈x")));
        assertEquals("", stream.flush());
    }

    @Test
    void anUnfinishedOrBrokenCharacterBecomesOneReplacement() {
        TextStream unfinished = new TextStream(TALE, List.of());
        assertEquals(List.of("", "", ""), feed(unfinished, Arrays.copyOf(bytes("🐈"), 3)));
        assertEquals("\uFFFD", unfinished.flush());
        assertEquals("", unfinished.flush(), "only once");

        TextStream broken = new TextStream(TALE, List.of());
        int[] twoOfFour = Arrays.copyOf(bytes("🐈"), 2);
        assertEquals(List.of("", "", "\uFFFDx"), feed(broken, IntStream.concat(Arrays.stream(twoOfFour), Arrays.stream(bytes("x"))).toArray()));
    }

    @Test
    void replacementCharactersThatTheTextHoldsArePassedOn() {
        for (TextTokenizer tokenizer : List.of(TALE, LLAMA2, METASPACE)) {
            TextStream stream = new TextStream(tokenizer, List.of());
            assertEquals("\uFFFD a \uFFFD", String.join("", feed(stream, tokenizer.encode("\uFFFD a \uFFFD"))) + stream.flush());
        }
    }

    @Test
    void theSpaceBeforeTheFirstWordIsLostOnlyAtTheStartOfAText() {
        for (TextTokenizer tokenizer : List.of(LLAMA2, METASPACE)) {
            int[] theThe = tokenizer.encode("the the");
            assertEquals("the the", String.join("", feed(new TextStream(tokenizer, List.of()), theThe)));
            assertEquals("the the", String.join("", feed(new TextStream(tokenizer, List.of(), 1), theThe)), "after BOS");
            assertEquals(" the the", String.join("", feed(new TextStream(tokenizer, List.of(), tokenizer.encode("in a", true)), theThe)));
        }
    }

    @Test
    void specialAndUnknownTokensHaveNoText() {
        for (TextTokenizer tokenizer : List.of(TALE, LLAMA2, METASPACE)) {
            TextStream stream = new TextStream(tokenizer, List.of());
            int[] ids = tokenizer.encode("in the");
            int[] mixed = IntStream.concat(IntStream.of(0, 1 << 30, -1), Arrays.stream(ids).flatMap(id -> IntStream.of(id, 1 << 30, 0))).toArray();
            assertEquals("in the", String.join("", feed(stream, mixed)) + stream.flush());
        }
    }

    @Test
    void aWindowThatNeverBecomesValidStillMovesOn() {
        TextStream stream = new TextStream(METASPACE, List.of());
        int[] continuationBytes = new int[10_000];
        Arrays.fill(continuationBytes, METASPACE.id("<0x80>").getAsInt());
        assertEquals("\uFFFD".repeat(10_000), String.join("", feed(stream, continuationBytes)) + stream.flush());
    }

    /** Any ids, most of them invalid UTF-8 where they meet. */
    @Property(tries = 500)
    void anyIdsGiveWhatTheLibraryDecodesAtOnce(@ForAll @Size(max = 60) List<@IntRange(max = 2047) Integer> ids) {
        int[] all = ids.stream().mapToInt(id -> id % 3 == 0 ? id : id % 257).toArray();
        TextStream stream = new TextStream(TALE, List.of());
        assertEquals(TALE.decode(all), String.join("", feed(stream, all)) + stream.flush());
    }

    @Property(tries = 300)
    void anyTextComesBackFromEveryKindOfTokenizer(@ForAll @StringLength(max = 40) String random) {
        String text = UnicodeText.repaired(random).replace("▁", "_").replaceAll("^ +", "");
        for (TextTokenizer tokenizer : List.of(TALE, LLAMA2, METASPACE)) {
            int[] ids = tokenizer.encode(text);
            TextStream stream = new TextStream(tokenizer, List.of());
            assertEquals(tokenizer.decode(ids), String.join("", feed(stream, ids)) + stream.flush());
        }
        assertEquals(text, TALE.decode(TALE.encode(text)));
    }

    // ---- stop texts

    @Test
    void theTextBeforeAStopIsGivenAndTheStopIsNot() {
        TextStream stream = new TextStream(TALE, List.of("END"));
        assertEquals(List.of("o", "n", "e", " ", "", "", "", "", ""), feed(stream, bytes("one END x")));
        assertTrue(stream.stopped());
        assertEquals(Optional.of("END"), stream.stopText());
        assertEquals("", stream.flush());
    }

    @Test
    void aStopWithinOneTokenCutsTheToken() {
        int[] upon = TALE.encode(" upon");
        assertEquals(1, upon.length, "one token");
        assertEquals(List.of(" u"), feed(new TextStream(TALE, List.of("po")), upon));
    }

    @Test
    void whatLookedLikeAStopAndWasNoneIsGiven() {
        TextStream stream = new TextStream(TALE, List.of("\n\nUser:"));
        assertEquals(List.of("a", "", "", "", "\n\nUx", "", "", "\n"), feed(stream, bytes("a\n\nUx\n\n\n")));
        assertFalse(stream.stopped());
        assertEquals("\n\n", stream.flush());
    }

    @Test
    void aStopMayBeFoundWithinItsOwnPartialMatch() {
        assertEquals("xaa", stopped("xaaaab", "aab"));
        assertEquals("ab", stopped("abababac", "ababac"));
        assertEquals("", stopped("abcabd", "abc"));
    }

    @Test
    void aStopAtTheVeryStartLeavesNothing() {
        assertEquals("", stopped("###", "###"));
        assertEquals("", stopped("\n", "\n"));
    }

    @Test
    void ofSeveralStopsTheFirstToBeCompleteCountsAndTheLongestOfThose() {
        TextStream first = new TextStream(TALE, List.of("bcd", "c"));
        assertEquals("ab", String.join("", feed(first, bytes("abcd"))));
        assertEquals(Optional.of("c"), first.stopText());
        TextStream longest = new TextStream(TALE, List.of("d", "bcd", "cd"));
        assertEquals("a", String.join("", feed(longest, bytes("abcd"))));
        assertEquals(Optional.of("bcd"), longest.stopText());
    }

    @Test
    void stopsOfSeveralBytesAreFoundAcrossTokens() {
        assertEquals("a", stopped("a🐈", "🐈"));
        assertEquals("a🐉", stopped("a🐉🐈", "🐈"));
        assertEquals("日", stopped("日本語", "本語"));
    }

    @Test
    void aStopMayBeCompletedByAnUnfinishedCharacter() {
        TextStream stream = new TextStream(TALE, List.of("a\uFFFD"));
        feed(stream, bytes("a"));
        assertEquals("", stream.add(bytes("🐈")[0]));
        assertEquals("", stream.flush());
        assertTrue(stream.stopped());
    }

    @Test
    void emptyAndInvalidStopsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new TextStream(TALE, List.of("x", "")));
        assertThrows(IllegalArgumentException.class, () -> new TextStream(TALE, List.of("\uD83D")));
    }

    @Test
    void nothingIsTakenAfterFlush() {
        TextStream stream = new TextStream(TALE, List.of());
        stream.flush();
        assertThrows(IllegalStateException.class, () -> stream.add(5));
    }

    /** Text over few letters, cut anywhere into tokens, with stops over the same letters, against plain searching. */
    @Property(tries = 1000)
    void stopsAreFoundHoweverTheTextIsCut(
            @ForAll @StringLength(max = 60) @CharRange(from = 'a', to = 'c') String letters,
            @ForAll @Size(max = 4) List<@StringLength(min = 1, max = 6) @CharRange(from = 'a', to = 'c') String> letterStops,
            @ForAll long seed) {
        // One of the letters as four bytes, so that cuts fall within characters too.
        String text = letters.replace("c", "🐈");
        List<String> stops = letterStops.stream().map(stop -> stop.replace("c", "🐈")).toList();
        TextStream stream = new TextStream(TALE, stops);
        StringBuilder given = new StringBuilder();
        StringBuilder seen = new StringBuilder();
        Random random = new Random(seed);
        for (int at = 0; at < text.length(); ) {
            int end = text.offsetByCodePoints(at, 1 + random.nextInt(text.codePointCount(at, text.length())));
            String chunk = text.substring(at, end);
            int[] ids = random.nextBoolean() ? TALE.encode(chunk) : bytes(chunk);
            feed(stream, ids).forEach(given::append);
            seen.append(chunk);
            String expected = beforeStop(seen.toString(), stops);
            assertEquals(expected != null, stream.stopped());
            assertEquals(expected != null ? expected : withoutUndecided(seen.toString(), stops), given.toString());
            at = end;
        }
        given.append(stream.flush());
        String expected = beforeStop(text, stops);
        assertEquals(expected != null ? expected : text, given.toString());
    }

    /** The text before the stop that ends first, the longest of several; null without one. */
    private static String beforeStop(String text, List<String> stops) {
        for (int end = 1; end <= text.length(); end++) {
            String head = text.substring(0, end);
            int longest = stops.stream().filter(head::endsWith).mapToInt(String::length).max().orElse(0);
            if (longest > 0) {
                return head.substring(0, end - longest);
            }
        }
        return null;
    }

    /** The text without its longest end that is the start of a stop. */
    private static String withoutUndecided(String text, List<String> stops) {
        for (int start = 0; start < text.length(); start++) {
            String end = text.substring(start);
            if (stops.stream().anyMatch(stop -> stop.startsWith(end))) {
                return text.substring(0, start);
            }
        }
        return text;
    }

    /** What is given in all when the text comes byte by byte. */
    private static String stopped(String text, String stop) {
        TextStream stream = new TextStream(TALE, List.of(stop));
        String given = String.join("", feed(stream, bytes(text)));
        assertTrue(stream.stopped());
        return given;
    }

    private static List<String> feed(TextStream stream, int... ids) {
        List<String> pieces = new ArrayList<>();
        for (int id : ids) {
            pieces.add(stream.add(id));
        }
        return pieces;
    }

    /** One token per byte: tale has them from id 1 on. */
    private static int[] bytes(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, utf8.length).map(i -> (utf8[i] & 0xFF) + 1).toArray();
    }
}
