package dev.catena.codegen;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.stream.IntStream;

/** Packs a matrix piece by piece, a few pieces at once on all cores, and writes them in order. */
final class PackingPipeline {
    /** Elements of a piece: with as many pieces in flight as {@link #MOST_AT_ONCE}, some 50 MB. */
    private static final int PIECE_ELEMENTS = 1 << 20;

    private static final int MOST_AT_ONCE = Math.min(4, Runtime.getRuntime().availableProcessors());

    /** Packs some of a matrix's units (blocks or rows). */
    interface Piece {
        /** The packed bytes of units {@code first … first + count − 1}, ready to be read. */
        ByteBuffer pack(int first, int count) throws IOException;
    }

    private PackingPipeline() {}

    /** Writes {@code units} units of {@code elementsOfUnit} elements each. */
    static void write(int units, long elementsOfUnit, Piece piece, WritableByteChannel out) throws IOException {
        int unitsOfPiece = (int) Math.max(1, PIECE_ELEMENTS / elementsOfUnit);
        int pieces = (units + unitsOfPiece - 1) / unitsOfPiece;
        for (int wave = 0; wave < pieces; wave += MOST_AT_ONCE) {
            List<ByteBuffer> packed;
            try {
                packed = IntStream.range(wave, Math.min(pieces, wave + MOST_AT_ONCE)).parallel().mapToObj(i -> {
                    try {
                        int first = i * unitsOfPiece;
                        return piece.pack(first, Math.min(unitsOfPiece, units - first));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }).toList();
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
            for (ByteBuffer bytes : packed) {
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
            }
        }
    }
}
