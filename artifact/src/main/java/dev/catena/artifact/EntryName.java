package dev.catena.artifact;

/** Which names an artifact's entries may have: relative, printable ASCII, no way out of the folder one unpacks them to. */
final class EntryName {
    static final int MAX_LENGTH = 512;

    private EntryName() {}

    /** What is wrong with {@code name}, or null. */
    static String fault(String name) {
        if (name.isEmpty() || name.length() > MAX_LENGTH) {
            return "an entry's name has " + name.length() + " characters (1 to " + MAX_LENGTH + " are allowed)";
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c < 0x20 || c > 0x7e || c == '\\') {
                return "entry name '" + name + "' holds a character that is not printable ASCII, or a backslash";
            }
        }
        for (String part : name.split("/", -1)) {
            if (part.isEmpty() || part.equals(".") || part.equals("..")) {
                return "entry name '" + name + "' is not a plain relative path";
            }
        }
        return null;
    }
}
