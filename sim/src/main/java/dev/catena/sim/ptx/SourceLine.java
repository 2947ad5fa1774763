package dev.catena.sim.ptx;

/**
 * Where an instruction comes from, by {@code .loc}.
 *
 * @param file      as {@code .file} names it
 * @param line      from 1
 * @param inlinedAt the call that was inlined, or null
 */
public record SourceLine(String file, int line, SourceLine inlinedAt) {
    @Override
    public String toString() {
        return file + ":" + line + (inlinedAt == null ? "" : " (inlined at " + inlinedAt + ")");
    }
}
