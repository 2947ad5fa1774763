package dev.catena.artifact;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.CRC32;

/** Hashes of an entry's bytes in a file. */
final class Sha256 {
    private static final int PIECE = 1 << 20;

    private Sha256() {}

    static MessageDigest start() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Hash of {@code entry}'s data, also checked against its CRC. @throws IllegalArgumentException when it is cut or differs */
    static String of(FileChannel file, ZipLayout.Entry entry) throws IOException {
        MessageDigest sha256 = start();
        checkCrc(file, entry, sha256);
        return HexFormat.of().formatHex(sha256.digest());
    }

    /** Checks {@code entry}'s data against its CRC alone, which takes next to no time. @throws IllegalArgumentException as above */
    static void checkCrc(FileChannel file, ZipLayout.Entry entry) throws IOException {
        checkCrc(file, entry, null);
    }

    private static void checkCrc(FileChannel file, ZipLayout.Entry entry, MessageDigest sha256) throws IOException {
        CRC32 crc = new CRC32();
        ByteBuffer piece = ByteBuffer.allocate((int) Math.min(PIECE, entry.size()));
        for (long at = entry.data(); at < entry.end(); at += piece.limit()) {
            piece.clear().limit((int) Math.min(piece.capacity(), entry.end() - at));
            while (piece.hasRemaining()) {
                if (file.read(piece, at + piece.position()) <= 0) {
                    throw new IllegalArgumentException("it was truncated while it was read");
                }
            }
            crc.update(piece.array(), 0, piece.limit());
            if (sha256 != null) {
                sha256.update(piece.array(), 0, piece.limit());
            }
        }
        if ((int) crc.getValue() != entry.crc()) {
            throw new IllegalArgumentException("entry '" + entry.name() + "' is damaged (its CRC differs)");
        }
    }
}
