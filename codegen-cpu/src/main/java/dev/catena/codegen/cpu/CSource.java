package dev.catena.codegen.cpu;

/**
 * One C translation unit.
 *
 * @param name the file name that clang sees and names in messages, such as {@code model.c}
 * @param text the C source
 */
public record CSource(String name, String text) {
    public CSource {
        if (!name.matches("[A-Za-z0-9_]+\\.c")) {
            throw new IllegalArgumentException("not the plain name of a C file: " + name);
        }
    }
}
