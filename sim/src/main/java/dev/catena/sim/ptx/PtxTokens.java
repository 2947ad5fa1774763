package dev.catena.sim.ptx;

/** The tokens of PTX text, with what a grammar asks of the next one; what isn't there is an error of its line. */
final class PtxTokens {
    private final PtxLexer lexer;

    PtxTokens(String text) {
        lexer = new PtxLexer(text);
    }

    /** Whether the next token is this sign or word. */
    boolean is(String expected) {
        return lexer.is(expected);
    }

    boolean is(PtxLexer.Kind kind) {
        return lexer.kind == kind;
    }

    /** The next token, which stays. */
    String next() {
        return lexer.token;
    }

    /** The next token's line. */
    int line() {
        return lexer.tokenLine;
    }

    void skip() {
        lexer.advance();
    }

    String take() {
        String token = lexer.token;
        if (lexer.kind == PtxLexer.Kind.END) {
            throw error("the text ends too early");
        }
        lexer.advance();
        return token;
    }

    String word() {
        if (lexer.kind != PtxLexer.Kind.WORD) {
            throw error("expected a name, found '" + lexer.token + "'");
        }
        return take();
    }

    boolean accept(String sign) {
        if (lexer.is(sign)) {
            lexer.advance();
            return true;
        }
        return false;
    }

    void expect(String sign) {
        if (!accept(sign)) {
            throw error("expected '" + sign + "', found '" + lexer.token + "'");
        }
    }

    /** An integer, or a number's bits. */
    long number() {
        return immediate().bits();
    }

    PtxOperand.Immediate immediate() {
        boolean negative = accept("-");
        String text = lexer.token;
        lexer.advance();
        try {
            if (text.startsWith("0f") || text.startsWith("0F")) {
                return new PtxOperand.Immediate(Long.parseLong(text.substring(2), 16) ^ (negative ? 1L << 31 : 0), "f32");
            }
            if (text.startsWith("0d") || text.startsWith("0D")) {
                return new PtxOperand.Immediate(Long.parseUnsignedLong(text.substring(2), 16) ^ (negative ? 1L << 63 : 0), "f64");
            }
            if (text.contains(".")) {
                return new PtxOperand.Immediate(Double.doubleToRawLongBits(Double.parseDouble(text) * (negative ? -1 : 1)), "f64");
            }
            long value = integer(text);
            return new PtxOperand.Immediate(negative ? -value : value, "s64");
        } catch (NumberFormatException e) {
            throw error("'" + text + "' is not a number");
        }
    }

    private static long integer(String text) {
        String digits = text.endsWith("U") ? text.substring(0, text.length() - 1) : text;
        if (digits.startsWith("0x") || digits.startsWith("0X")) {
            return Long.parseUnsignedLong(digits.substring(2), 16);
        }
        if (digits.startsWith("0b")) {
            return Long.parseUnsignedLong(digits.substring(2), 2);
        }
        return digits.length() > 1 && digits.startsWith("0") ? Long.parseUnsignedLong(digits, 8)
                : Long.parseUnsignedLong(digits);
    }

    PtxSyntaxException error(String message) {
        return new PtxSyntaxException(lexer.tokenLine, message);
    }
}
