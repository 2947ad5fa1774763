package dev.catena.runtime.gpu;

import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Brings weights from the file to a GPU: threads read into pieces of pinned memory, used in turn, and each piece is copied
 * while others are read. One thread may use it at a time.
 */
final class WeightUpload implements AutoCloseable {
    private static final int PIECES = 4;
    private static final int LARGEST_PIECE = 8 << 20;
    private static final int SMALLEST_PIECE = 64 << 10;

    /** What is being read into a piece of pinned memory, and where it goes. */
    private record Piece(long to, int bytes, Future<?> reading) {}

    private final Gpu gpu;
    private final WeightFile file;
    private final int pieceBytes;
    private final long stream;
    private final PinnedMemory pinned;
    private final long[] copied = new long[PIECES];
    private final Piece[] pieces = new Piece[PIECES];
    private final ExecutorService readers;
    private long next;

    /** @param largest bytes of the largest weight */
    WeightUpload(Gpu gpu, WeightFile file, long largest) {
        this.gpu = gpu;
        this.file = file;
        pieceBytes = (int) Math.max(SMALLEST_PIECE, Math.min(LARGEST_PIECE, Region.of("", largest).roomBytes()));
        pinned = gpu.pin(pieceBytes * PIECES);
        stream = gpu.newStream();
        for (int i = 0; i < PIECES; i++) {
            copied[i] = gpu.newEvent();
        }
        readers = Executors.newFixedThreadPool(PIECES, task -> {
            Thread thread = new Thread(task, "catena-weights");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** The stream in which the copies are. */
    long stream() {
        return stream;
    }

    /** Starts to bring an entry of the artifact to {@code to}; {@link #flush} puts what is left of the copies into the stream. */
    void add(String entry, long to) {
        long length = file.length(entry);
        for (long offset = 0; offset < length; offset += pieceBytes) {
            int slot = (int) (next++ % PIECES);
            copyWhatWasRead(slot);
            gpu.synchronizeEvent(copied[slot]);
            int bytes = (int) Math.min(pieceBytes, length - offset);
            long from = offset;
            ByteBuffer into = pinned.bytes().duplicate().limit(slot * pieceBytes + bytes).position(slot * pieceBytes);
            pieces[slot] = new Piece(to + offset, bytes, readers.submit(() -> file.read(entry, from, into)));
        }
    }

    /** Returns when all that was added has been read, and its copies are in the stream. */
    void flush() {
        for (int i = 0; i < PIECES; i++) {
            copyWhatWasRead((int) ((next + i) % PIECES));
        }
    }

    private void copyWhatWasRead(int slot) {
        Piece piece = pieces[slot];
        if (piece == null) {
            return;
        }
        pieces[slot] = null;
        await(piece.reading);
        gpu.copyIn(stream, piece.to, pinned, (long) slot * pieceBytes, piece.bytes);
        gpu.record(copied[slot], stream);
    }

    private static void await(Future<?> reading) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    reading.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;     // the piece must be whole before anybody may go on
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException reason) {
                throw reason;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits for the copies; what was read and not yet put into the stream is dropped. */
    @Override
    public void close() {
        for (Piece piece : pieces) {
            if (piece != null) {
                try {
                    await(piece.reading);
                } catch (RuntimeException e) {
                    // Somebody has the first reason already.
                }
            }
        }
        readers.shutdown();
        Closing.all(() -> gpu.synchronize(stream), () -> closeEvents(), () -> gpu.closeStream(stream), pinned::close);
    }

    private void closeEvents() {
        for (long event : copied) {
            gpu.closeEvent(event);
        }
    }
}
