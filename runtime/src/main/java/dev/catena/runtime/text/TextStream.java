package dev.catena.runtime.text;

import java.util.List;
import java.util.Optional;

/**
 * Turns ids into text as they come. A piece never ends within a character and never holds the start of what may become
 * a stop text: such ends are kept back until later ids decide. Laid end to end the pieces are the text of the ids up to
 * the first stop text, which is not given; special tokens have no text. The work per id doesn't grow with the
 * text. Not thread-safe.
 */
public final class TextStream {
    private final StreamDecoder decoder;
    private final StopMatcher stops;
    private final StringBuilder decoded = new StringBuilder();
    /** Characters that may be the start of a stop text, and within a call those to be given. */
    private final StringBuilder pending = new StringBuilder();
    private String stopText;
    private boolean flushed;

    /**
     * @param tokenizer whose ids these are; must stay open
     * @param stops     texts that end the stream, none empty; the first to be complete counts, the longest of several
     *                  that are complete at the same character
     * @param context   ids before the first that is added (the prompt), which may be empty: sentencepiece tokenizers drop
     *                  the space before a text's first word, but not before a continuation's
     * @throws IllegalArgumentException if a stop text is empty or not valid Unicode
     */
    public TextStream(TextTokenizer tokenizer, List<String> stops, int... context) {
        this.stops = new StopMatcher(stops);
        this.decoder = tokenizer.streamDecoder(context);
    }

    /**
     * Takes the next id.
     *
     * @param id a token's id; one that the tokenizer doesn't know has no text
     * @return the text that is certain now, often empty; always empty once {@link #stopped()}
     * @throws IllegalStateException after {@link #flush()}
     */
    public String add(int id) {
        if (flushed) {
            throw new IllegalStateException("the stream was flushed");
        }
        if (stopped()) {
            return "";
        }
        decoded.setLength(0);
        decoder.accept(id, decoded);
        return give();
    }

    /**
     * Ends the stream.
     *
     * @return what was kept back: the start of a stop text that wasn't one, and U+FFFD for an unfinished character;
     *         empty if the stream was {@link #stopped()} or flushed before
     */
    public String flush() {
        if (flushed || stopped()) {
            flushed = true;
            return "";
        }
        flushed = true;
        decoded.setLength(0);
        decoder.finish(decoded);
        String text = give();
        if (stopped()) {
            return text;
        }
        text += pending;
        pending.setLength(0);
        return text;
    }

    /** Whether a stop text has come. */
    public boolean stopped() {
        return stopText != null;
    }

    /** The stop text that has come. */
    public Optional<String> stopText() {
        return Optional.ofNullable(stopText);
    }

    private String give() {
        for (int i = 0; i < decoded.length(); i++) {
            pending.append(decoded.charAt(i));
            stopText = stops.accept(decoded.charAt(i));
            if (stopText != null) {
                String text = pending.substring(0, pending.length() - stopText.length());
                pending.setLength(0);
                return text;
            }
        }
        int certain = pending.length() - stops.undecided();
        String text = pending.substring(0, certain);
        pending.delete(0, certain);
        return text;
    }
}
