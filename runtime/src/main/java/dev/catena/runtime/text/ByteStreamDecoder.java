package dev.catena.runtime.text;

/** Decodes with a table of the tokens' bytes: constant work per byte, exact also where tokens end within a character. */
final class ByteStreamDecoder implements StreamDecoder {
    private final TokenBytes tokens;
    private final Utf8Assembler characters = new Utf8Assembler();
    private int spacesToStrip;

    /** @param context ids before the first that is accepted; spaces at the start are lost only where these have no text */
    ByteStreamDecoder(TokenBytes tokens, int[] context) {
        this.tokens = tokens;
        boolean startsText = true;
        for (int i = context.length - 1; i >= 0 && startsText; i--) {
            startsText = tokens.length(context[i]) == 0;
        }
        this.spacesToStrip = startsText ? tokens.leadingSpaces() : 0;
    }

    @Override
    public void accept(int id, StringBuilder out) {
        int length = tokens.length(id);
        for (int i = 0; i < length; i++) {
            byte b = tokens.byteAt(id, i);
            if (spacesToStrip > 0 && b == ' ') {
                spacesToStrip--;
            } else {
                spacesToStrip = 0;
                characters.accept(b, out);
            }
        }
    }

    @Override
    public void finish(StringBuilder out) {
        characters.finish(out);
    }
}
