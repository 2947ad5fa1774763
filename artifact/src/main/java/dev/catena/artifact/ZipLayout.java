package dev.catena.artifact;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The zip64 structures of an artifact, byte for byte. There is exactly one way to write a given list of entries: the
 * writer writes these bytes and the reader demands them, so no byte outside the entries' data can change unseen.
 */
final class ZipLayout {
    /** Data of every entry starts at a multiple of this, so that it can be mapped. */
    static final int ALIGNMENT = 4096;

    static final int LOCAL_SIGNATURE = 0x04034b50;
    static final int CENTRAL_SIGNATURE = 0x02014b50;
    static final int END64_SIGNATURE = 0x06064b50;
    static final int LOCATOR_SIGNATURE = 0x07064b50;
    static final int END_SIGNATURE = 0x06054b50;

    static final int LOCAL_FIXED = 30;
    static final int CENTRAL_FIXED = 46;
    static final int END64_LENGTH = 56;
    static final int LOCATOR_LENGTH = 20;
    static final int END_FIXED = 22;
    private static final int LOCAL_ZIP64 = 4 + 16;
    private static final int CENTRAL_ZIP64 = 4 + 24;
    /** Android's zipalign field: the alignment in two bytes, then zeros. */
    private static final int PADDING_ID = 0xd935;
    private static final int PADDING_LEAST = 4 + 2;

    private static final int VERSION = 45;
    private static final int MADE_BY_UNIX = 3 << 8 | VERSION;
    private static final int REGULAR_FILE = 0100644 << 16;
    /** 1 January 1980, the first day a zip can name. */
    private static final int DATE = 1 << 5 | 1;

    private ZipLayout() {}

    /** @param header offset of the local header */
    record Entry(String name, long header, long size, int crc) {
        long data() {
            return header + localHeaderLength(name, header);
        }

        long end() {
            return data() + size;
        }
    }

    /** Bytes from the local header at {@code header} to the entry's data. */
    static int localHeaderLength(String name, long header) {
        int least = LOCAL_FIXED + name.length() + LOCAL_ZIP64 + PADDING_LEAST;
        int over = (int) ((header + least) % ALIGNMENT);
        return over == 0 ? least : least + ALIGNMENT - over;
    }

    static ByteBuffer localHeader(Entry entry) {
        int length = localHeaderLength(entry.name, entry.header);
        ByteBuffer out = buffer(length);
        out.putInt(LOCAL_SIGNATURE).putShort((short) VERSION).putShort((short) 0).putShort((short) 0);
        out.putShort((short) 0).putShort((short) DATE).putInt(entry.crc).putInt(-1).putInt(-1);
        out.putShort((short) entry.name.length());
        out.putShort((short) (length - LOCAL_FIXED - entry.name.length()));
        out.put(entry.name.getBytes(StandardCharsets.US_ASCII));
        out.putShort((short) 1).putShort((short) 16).putLong(entry.size).putLong(entry.size);
        out.putShort((short) PADDING_ID).putShort((short) (length - out.position() - 2)).putShort((short) ALIGNMENT);
        return out.rewind();
    }

    /** Everything after the last entry's data: central directory, both end records, and the comment. */
    static ByteBuffer tail(List<Entry> entries, long start, String comment) {
        long central = centralLength(entries);
        ByteBuffer out = buffer(Math.toIntExact(central + END64_LENGTH + LOCATOR_LENGTH + END_FIXED + comment.length()));
        for (Entry entry : entries) {
            out.putInt(CENTRAL_SIGNATURE).putShort((short) MADE_BY_UNIX).putShort((short) VERSION);
            out.putShort((short) 0).putShort((short) 0).putShort((short) 0).putShort((short) DATE);
            out.putInt(entry.crc).putInt(-1).putInt(-1);
            out.putShort((short) entry.name.length()).putShort((short) CENTRAL_ZIP64).putShort((short) 0);
            out.putShort((short) 0).putShort((short) 0).putInt(REGULAR_FILE).putInt(-1);
            out.put(entry.name.getBytes(StandardCharsets.US_ASCII));
            out.putShort((short) 1).putShort((short) 24).putLong(entry.size).putLong(entry.size).putLong(entry.header);
        }
        out.putInt(END64_SIGNATURE).putLong(END64_LENGTH - 12).putShort((short) MADE_BY_UNIX).putShort((short) VERSION);
        out.putInt(0).putInt(0).putLong(entries.size()).putLong(entries.size()).putLong(central).putLong(start);
        out.putInt(LOCATOR_SIGNATURE).putInt(0).putLong(start + central).putInt(1);
        out.putInt(END_SIGNATURE).putShort((short) 0).putShort((short) 0).putShort((short) -1).putShort((short) -1);
        out.putInt(-1).putInt(-1).putShort((short) comment.length());
        out.put(comment.getBytes(StandardCharsets.US_ASCII));
        return out.rewind();
    }

    static long centralLength(List<Entry> entries) {
        long length = 0;
        for (Entry entry : entries) {
            length += CENTRAL_FIXED + entry.name.length() + CENTRAL_ZIP64;
        }
        return length;
    }

    /** The file's comment: which format this is, and the hash that vouches for the manifest. */
    static String comment(String manifestSha256) {
        return "catena" + Manifest.FORMAT + " sha256=" + manifestSha256;
    }

    static ByteBuffer buffer(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }
}
