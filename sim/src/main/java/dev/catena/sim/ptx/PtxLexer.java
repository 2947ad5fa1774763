package dev.catena.sim.ptx;

/** PTX text to words, numbers and signs; comments are skipped. */
final class PtxLexer {
    enum Kind { WORD, NUMBER, STRING, SIGN, END }

    private final String text;
    private int at;
    private int line = 1;

    Kind kind;
    String token;
    int tokenLine;

    PtxLexer(String text) {
        this.text = text;
        advance();
    }

    /** Whether the current token is this sign or word. */
    boolean is(String expected) {
        return kind != Kind.STRING && kind != Kind.END && token.equals(expected);
    }

    void advance() {
        skipBlanks();
        tokenLine = line;
        if (at >= text.length()) {
            kind = Kind.END;
            token = "the end";
            return;
        }
        char c = text.charAt(at);
        int start = at;
        if (isWordStart(c)) {
            at++;
            while (at < text.length() && isWordPart(at)) {
                at += text.charAt(at) == ':' ? 2 : 1;
            }
            kind = Kind.WORD;
        } else if (Character.isDigit(c)) {
            while (at < text.length() && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '.')) {
                at++;
            }
            kind = Kind.NUMBER;
        } else if (c == '"') {
            int end = text.indexOf('"', at + 1);
            if (end < 0) {
                throw new PtxSyntaxException(line, "a string has no end");
            }
            kind = Kind.STRING;
            token = text.substring(at + 1, end);
            at = end + 1;
            return;
        } else {
            at++;
            kind = Kind.SIGN;
        }
        token = text.substring(start, at);
    }

    private static boolean isWordStart(char c) {
        return Character.isLetter(c) || c == '_' || c == '$' || c == '%' || c == '.';
    }

    /** Dots belong to opcodes and special registers; a double colon to qualifiers such as {@code L1::no_allocate}. */
    private boolean isWordPart(int i) {
        char c = text.charAt(i);
        if (c == ':') {
            return i + 2 < text.length() && text.charAt(i + 1) == ':' && Character.isLetterOrDigit(text.charAt(i + 2));
        }
        return Character.isLetterOrDigit(c) || c == '_' || c == '$' || c == '.' || c == '%';
    }

    private void skipBlanks() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '\n') {
                line++;
                at++;
            } else if (c <= ' ') {
                at++;
            } else if (text.startsWith("//", at)) {
                int end = text.indexOf('\n', at);
                at = end < 0 ? text.length() : end;
            } else if (text.startsWith("/*", at)) {
                int end = text.indexOf("*/", at);
                end = end < 0 ? text.length() : end + 2;
                for (int i = at; i < end; i++) {
                    line += text.charAt(i) == '\n' ? 1 : 0;
                }
                at = end;
            } else {
                return;
            }
        }
    }
}
