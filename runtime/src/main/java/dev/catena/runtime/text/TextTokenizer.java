package dev.catena.runtime.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;

/**
 * Text to ids and back, as a {@code tokenizer.json} of Hugging Face tells it, by their Rust library. Works offline and
 * logs nothing. All methods may be called from any thread; {@link #close()} waits for calls that run.
 */
public final class TextTokenizer implements AutoCloseable {
    /** How much shorter normalizing may make a text that people write: composed characters, joined spaces. */
    private static final long MOST_SHORTENING = 4;

    private final TokenizersLibrary library;
    private final TokenizerJson json;
    private final Optional<TokenBytes> tokenBytes;
    private final ReadWriteLock open = new ReentrantReadWriteLock();
    /** The native tokenizer's address; 0 once closed. */
    private long handle;

    private TextTokenizer(byte[] content, String name) {
        json = TokenizerJson.parse(content, name);
        tokenBytes = TokenBytes.of(json);
        library = TokenizerLibrary.load();
        try {
            handle = library.createTokenizerFromString(new String(content, StandardCharsets.UTF_8));
        } catch (RuntimeException e) {
            throw new TokenizerException(name + ": is not a tokenizer: " + JsonText.firstLine(e.getMessage()), e);
        }
        // A file may ask for both; a prompt that is silently cut or padded would be a wrong prompt.
        library.disableTruncation(handle);
        library.disablePadding(handle);
    }

    /**
     * Opens a {@code tokenizer.json}.
     *
     * @throws TokenizerException in one line that names the file, if it is missing, larger than 256 MiB or not a tokenizer
     */
    public static TextTokenizer open(Path file) {
        return new TextTokenizer(TokenizerJson.bytes(file), file.toString());
    }

    /**
     * Opens the content of a {@code tokenizer.json}.
     *
     * @param content UTF-8
     * @param name    what errors call it
     * @throws TokenizerException in one line, if it is not a tokenizer
     */
    public static TextTokenizer of(byte[] content, String name) {
        return new TextTokenizer(content, name);
    }

    /** The ids of a text without BOS, EOS or whatever else the file's post-processor adds. */
    public int[] encode(String text) {
        return encode(text, false);
    }

    /**
     * The ids of a text. A special token written out in it ({@code <|endoftext|>}) becomes that token.
     *
     * @param text              halves of surrogate pairs count as U+FFFD
     * @param addSpecialTokens whether the file's post-processor adds what it adds, mostly BOS
     * @throws UnencodableTextException for a text on which a regular expression of the file could take minutes, as {@code \s+$} does on
     *                                  tens of thousands of spaces in a row
     */
    public int[] encode(String text, boolean addSpecialTokens) {
        String valid = UnicodeText.repaired(text);
        json.patterns().requireQuick(valid);
        long[] ids = whileOpen(tokenizer -> {
            long encoding = library.encode(tokenizer, valid, addSpecialTokens);
            try {
                return library.getTokenIds(encoding);
            } finally {
                library.deleteEncoding(encoding);
            }
        });
        int[] narrow = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            narrow[i] = Math.toIntExact(ids[i]);
        }
        return narrow;
    }

    /**
     * Whether a text has more than so many tokens, as far as its length tells: no token stands for more characters than its
     * piece has, or four times as many where the file has a normalizer.
     * Where a tokenizer drops white space or takes any number of unknown characters for one token, a text of little else is counted
     * too long. Takes no time, where encoding megabytes takes minutes.
     */
    public boolean isSurelyLongerThan(int tokens, String text) {
        return text.length() > (json.normalizes() ? MOST_SHORTENING : 1) * tokens * json.longestPiece();
    }

    /**
     * The text of ids as the library decodes it at once: special tokens and unknown ids have no text, invalid UTF-8 becomes
     * U+FFFD. {@link TextStream} gives the same bit by bit.
     */
    public String decode(int... ids) {
        long[] known = new long[ids.length];
        int count = 0;
        for (int id : ids) {
            if (id >= 0 && id < vocabularySize()) {
                known[count++] = id;
            }
        }
        long[] decoded = Arrays.copyOf(known, count);
        return whileOpen(tokenizer -> library.decode(tokenizer, decoded, true));
    }

    /**
     * The bytes that one token adds to a text; they may begin or end within a character. None for special tokens
     * and unknown ids. For tokenizers whose pieces depend on their neighbours, those of the token alone.
     */
    public byte[] bytes(int id) {
        return tokenBytes.map(bytes -> bytes.copy(id)).orElseGet(() -> decode(id).getBytes(StandardCharsets.UTF_8));
    }

    /** One more than the largest id of the file; the model's logits may be more. */
    public int vocabularySize() {
        return json.vocabularySize();
    }

    /** The id of a token by its content as the file writes it, such as {@code <|endoftext|>} or {@code </s>}. */
    public OptionalInt id(String content) {
        return json.id(content);
    }

    /** Whether the file marks this id as a special token, which has no text. */
    public boolean isSpecial(int id) {
        return id >= 0 && json.isSpecial(id);
    }

    /** The special token that {@code encode(text, true)} puts in front, if it does: BOS. */
    public OptionalInt leadingSpecial() {
        return json.leadingSpecial();
    }

    /** Frees the native tokenizer. Calls after it are refused with IllegalStateException; closing twice is fine. */
    @Override
    public void close() {
        open.writeLock().lock();
        try {
            if (handle != 0) {
                library.deleteTokenizer(handle);
                handle = 0;
            }
        } finally {
            open.writeLock().unlock();
        }
    }

    StreamDecoder streamDecoder(int[] context) {
        return tokenBytes.<StreamDecoder>map(bytes -> new ByteStreamDecoder(bytes, context))
                .orElseGet(() -> new WindowStreamDecoder(this::decode, context));
    }

    private <T> T whileOpen(LongFunction<T> call) {
        Lock lock = open.readLock();
        lock.lock();
        try {
            if (handle == 0) {
                throw new IllegalStateException("the tokenizer is closed");
            }
            return call.apply(handle);
        } finally {
            lock.unlock();
        }
    }
}
