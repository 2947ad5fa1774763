package dev.catena.runtime.text;

/** Ids to characters, one id at a time; never gives half a character. */
interface StreamDecoder {
    /** Appends the text that this id completes. */
    void accept(int id, StringBuilder out);

    /** Appends what was kept back, as the end of the text. */
    void finish(StringBuilder out);
}
