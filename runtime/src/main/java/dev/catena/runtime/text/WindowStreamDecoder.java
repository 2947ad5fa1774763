package dev.catena.runtime.text;

import java.util.Arrays;
import java.util.function.Function;

/**
 * Decodes a sliding window of ids with the tokenizer itself and gives the difference: for tokenizers whose pieces depend
 * on their neighbours (Metaspace, WordPiece, unknown decoders). After text was given, the window keeps only the ids that
 * made it, as context of the next ones. Text that ends with U+FFFD may be an unfinished character and waits for
 * more ids, but not for ever: a character has at most four bytes.
 */
final class WindowStreamDecoder implements StreamDecoder {
    private static final int MAX_PENDING = 8;
    private static final int MAX_CONTEXT = 8;

    private final Function<int[], String> decode;
    private int[] window = new int[MAX_CONTEXT + MAX_PENDING];
    private int length;
    /** Ids of the window whose text was given. */
    private int given;

    /** @param context ids before the first that is accepted; the last few are decoded with it */
    WindowStreamDecoder(Function<int[], String> decode, int[] context) {
        this.decode = decode;
        this.given = Math.min(context.length, MAX_CONTEXT);
        this.length = given;
        System.arraycopy(context, context.length - given, window, 0, given);
    }

    @Override
    public void accept(int id, StringBuilder out) {
        window[length++] = id;
        give(length - given >= MAX_PENDING, out);
    }

    @Override
    public void finish(StringBuilder out) {
        if (length > given) {
            give(true, out);
        }
    }

    private void give(boolean now, StringBuilder out) {
        String before = decode.apply(Arrays.copyOf(window, given));
        String all = decode.apply(Arrays.copyOf(window, length));
        boolean grew = all.length() > before.length();
        if (!now && (!grew || all.endsWith("\uFFFD"))) {
            return;
        }
        if (grew) {
            out.append(all, before.length(), all.length());
        }
        int context = Math.min(grew ? length - given : length, MAX_CONTEXT);
        System.arraycopy(window, length - context, window, 0, context);
        given = context;
        length = context;
    }
}
