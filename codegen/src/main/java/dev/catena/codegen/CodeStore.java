package dev.catena.codegen;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Compiled code by what it was made from, kept in files from one run to the next. A file that isn't exactly as it was written
 * (cut short, altered) counts as absent, and a store that can't be written to only costs time.
 */
public final class CodeStore {
    /** The files of a store. */
    public interface Files {
        /** The file's bytes, if there is one. */
        Optional<byte[]> read(String name) throws IOException;

        /** Writes a file so that others see nothing or all of it. */
        void write(String name, byte[] bytes) throws IOException;
    }

    private static final int DIGEST_BYTES = 32;

    private final Files files;

    public CodeStore(Files files) {
        this.files = files;
    }

    /** A store that keeps nothing. */
    public static CodeStore none() {
        return new CodeStore(new Files() {
            @Override
            public Optional<byte[]> read(String name) {
                return Optional.empty();
            }

            @Override
            public void write(String name, byte[] bytes) {}
        });
    }

    /** 64 hexadecimal digits that stand for all that decides the code. */
    public static String key(String... parts) {
        MessageDigest digest = sha256();
        for (String part : parts) {
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
            digest.update(bytes);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** What was kept under the key. A file is the digest of what follows, the log's length, the log, the code. */
    public Optional<CompiledCode> find(String key) {
        try {
            byte[] file = files.read(key).orElse(null);
            if (file == null || file.length < DIGEST_BYTES + 4) {
                return Optional.empty();
            }
            ByteBuffer content = ByteBuffer.wrap(file, DIGEST_BYTES, file.length - DIGEST_BYTES);
            MessageDigest digest = sha256();
            digest.update(key.getBytes(StandardCharsets.UTF_8));
            digest.update(content.duplicate());
            if (!Arrays.equals(digest.digest(), Arrays.copyOf(file, DIGEST_BYTES))) {
                return Optional.empty();
            }
            byte[] log = new byte[content.getInt()];
            content.get(log);
            byte[] code = new byte[content.remaining()];
            content.get(code);
            return Optional.of(new CompiledCode(code, new String(log, StandardCharsets.UTF_8)));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    public void keep(String key, CompiledCode compiled) {
        byte[] log = compiled.log().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(DIGEST_BYTES + 4 + log.length + compiled.code().length);
        file.position(DIGEST_BYTES).putInt(log.length).put(log).put(compiled.code());
        MessageDigest digest = sha256();
        digest.update(key.getBytes(StandardCharsets.UTF_8));
        digest.update(file.array(), DIGEST_BYTES, file.capacity() - DIGEST_BYTES);
        file.put(0, digest.digest());
        try {
            files.write(key, file.array());
        } catch (IOException e) {
            // What can't be kept is compiled again next time.
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
