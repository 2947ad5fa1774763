package dev.catena.artifact;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the list of entries out of a file that may be anything. What it returns is certain: the file consists of these
 * entries' headers, their data and the directory, in {@link ZipLayout}'s bytes, without a gap or an overlap.
 *
 * @param manifestSha256 from the file's comment
 */
record ZipDirectory(List<ZipLayout.Entry> entries, String manifestSha256) {
    private static final int MAX_COMMENT = 200;
    private static final long MAX_CENTRAL = 64L << 20;
    private static final Pattern COMMENT = Pattern.compile("catena([0-9]{1,6}) .*", Pattern.DOTALL);
    private static final Pattern CURRENT = Pattern.compile("catena" + Manifest.FORMAT + " sha256=([0-9a-f]{64})");

    /** @throws IllegalArgumentException with a one-line reason for refusing the file */
    static ZipDirectory read(FileChannel file) throws IOException {
        long length = file.size();
        require(length > 0, "the file is empty");
        ByteBuffer head = read(file, 0, (int) Math.min(4, length));
        require(length >= 4 && (head.getInt(0) == ZipLayout.LOCAL_SIGNATURE || head.getInt(0) == ZipLayout.END_SIGNATURE),
                "it is not a Catena artifact");
        int window = (int) Math.min(length, ZipLayout.END_FIXED + MAX_COMMENT);
        ByteBuffer last = read(file, length - window, window);
        int end = endRecord(last);
        String manifestSha256 = manifestHash(ascii(last, end + ZipLayout.END_FIXED, window - end - ZipLayout.END_FIXED));

        long endOffset = length - window + end;
        long end64Offset = endOffset - ZipLayout.LOCATOR_LENGTH - ZipLayout.END64_LENGTH;
        require(end64Offset >= 0, "its end record stands where none can be");
        ByteBuffer end64 = read(file, end64Offset, ZipLayout.END64_LENGTH);
        require(end64.getInt(0) == ZipLayout.END64_SIGNATURE, "its zip64 end record is damaged");
        long count = end64.getLong(32);
        long centralLength = end64.getLong(40);
        long centralOffset = end64.getLong(48);
        require(centralLength >= 0 && centralLength <= MAX_CENTRAL && centralOffset == end64Offset - centralLength,
                "its directory does not lie where its end record says");
        require(count >= 0 && count <= centralLength / ZipLayout.CENTRAL_FIXED, "its directory is shorter than its count");

        ByteBuffer central = read(file, centralOffset, (int) centralLength);
        List<ZipLayout.Entry> entries = entries(central, (int) count, centralOffset);
        ByteBuffer expected = ZipLayout.tail(entries, centralOffset, ZipLayout.comment(manifestSha256));
        require(expected.equals(read(file, centralOffset, Math.toIntExact(length - centralOffset))),
                "its directory is damaged");
        checkHeaders(file, entries, centralOffset);
        return new ZipDirectory(entries, manifestSha256);
    }

    /** Offset within {@code last} of the end record whose comment reaches to the end of the file. */
    private static int endRecord(ByteBuffer last) {
        for (int at = last.limit() - ZipLayout.END_FIXED; at >= 0; at--) {
            if (last.getInt(at) == ZipLayout.END_SIGNATURE
                    && (last.getShort(at + 20) & 0xffff) == last.limit() - at - ZipLayout.END_FIXED) {
                return at;
            }
        }
        throw new IllegalArgumentException("it is truncated, or not a Catena artifact (no end record)");
    }

    private static String manifestHash(String comment) {
        Matcher current = CURRENT.matcher(comment);
        if (current.matches()) {
            return current.group(1);
        }
        Matcher any = COMMENT.matcher(comment);
        if (any.matches()) {
            ManifestJson.refuseOther(Integer.parseInt(any.group(1)));
        }
        throw new IllegalArgumentException(comment.startsWith("catena") ? "its comment is damaged"
                : "it is a zip file, but not a Catena artifact");
    }

    private static List<ZipLayout.Entry> entries(ByteBuffer central, int count, long end) {
        List<ZipLayout.Entry> entries = new ArrayList<>(count);
        Set<String> names = new HashSet<>();
        int at = 0;
        long next = 0;
        for (int i = 0; i < count; i++) {
            require(central.limit() - at >= ZipLayout.CENTRAL_FIXED, "its directory ends within an entry");
            int nameLength = central.getShort(at + 28) & 0xffff;
            int extraAt = at + ZipLayout.CENTRAL_FIXED + nameLength;
            require(central.limit() - extraAt >= 28, "its directory ends within an entry");
            String name = ascii(central, at + ZipLayout.CENTRAL_FIXED, nameLength);
            String fault = EntryName.fault(name);
            require(fault == null, fault);
            require(names.add(name), "two entries are called '" + name + "'");
            ZipLayout.Entry entry = new ZipLayout.Entry(name, central.getLong(extraAt + 20), central.getLong(extraAt + 4),
                    central.getInt(at + 16));
            require(entry.size() >= 0 && entry.size() <= end, "entry '" + name + "' is larger than the file");
            require(entry.header() == next, "entry '" + name + "' does not follow the one before it");
            require(entry.end() <= end, "entry '" + name + "' reaches beyond the entries' part of the file");
            next = entry.end();
            entries.add(entry);
            at = extraAt + 28;
        }
        require(at == central.limit() && next == end, "there are bytes that belong to no entry");
        return entries;
    }

    private static void checkHeaders(FileChannel file, List<ZipLayout.Entry> entries, long end) throws IOException {
        for (ZipLayout.Entry entry : entries) {
            ByteBuffer expected = ZipLayout.localHeader(entry);
            require(expected.equals(read(file, entry.header(), expected.limit())),
                    "the header of entry '" + entry.name() + "' is damaged");
        }
    }

    private static ByteBuffer read(FileChannel file, long offset, int length) throws IOException {
        ByteBuffer into = ZipLayout.buffer(length);
        while (into.hasRemaining()) {
            require(file.read(into, offset + into.position()) > 0, "it was truncated while it was read");
        }
        return into.flip();
    }

    private static String ascii(ByteBuffer from, int offset, int length) {
        byte[] bytes = new byte[length];
        from.get(offset, bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
