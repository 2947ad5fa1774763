package dev.catena.sim;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceModel;
import dev.catena.runtime.UnsupportedPlatformException;
import dev.catena.sim.machine.Allocation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * An artifact's GPU code as PTX, and its weights, read from the file as kernels touch them. The first GPU target is taken,
 * or the one that the system property {@code catena.sim.target} names.
 */
final class SimModel implements DeviceModel {
    private final ArtifactReader reader;
    private final Manifest.Target target;
    private final String ptx;
    private final FileChannel file;
    private int holders = 1;

    SimModel(ArtifactReader reader) {
        this.reader = reader;
        String wanted = System.getProperty("catena.sim.target");
        target = reader.manifest().targets().stream().filter(Manifest.Target::runsPrograms)
                .filter(candidate -> wanted == null || wanted.equals(candidate.name())).findFirst().orElseThrow(() ->
                new UnsupportedPlatformException(reader.path() + ": has code for "
                        + String.join(", ", reader.manifest().targetNames()) + " and none for " + (wanted == null ? "a GPU" : wanted) + "; compile it with --target " + (wanted == null ? "sm_86" : wanted)));
        if (target.ptx() == null) {
            throw new UnsupportedPlatformException(reader.path() + ": has no PTX for " + target.name() + ", which sim runs; "
                    + "compile it again");
        }
        ptx = new String(reader.bytes(target.ptx()), StandardCharsets.UTF_8);
        try {
            file = FileChannel.open(reader.path(), StandardOpenOption.READ);
        } catch (IOException e) {
            throw new ArtifactException(reader.path(), "cannot be opened: " + e.getMessage(), e);
        }
        try {
            byte[] end = reader.lastBytes();
            byte[] found = new byte[end.length];
            if (file.size() == reader.size()) {
                read(reader.size() - end.length, found, end.length);
            }
            if (!Arrays.equals(end, found)) {     // they hold the manifest's hash, and that all others
                throw new ArtifactException(reader.path(), "was replaced while it was opened");
            }
        } catch (IOException e) {
            close();
            throw new ArtifactException(reader.path(), "cannot be read: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    @Override
    public Manifest.Target target() {
        return target;
    }

    @Override
    public synchronized SimModel retain() {
        if (holders == 0) {
            throw new IllegalStateException("the model was closed");
        }
        holders++;
        return this;
    }

    @Override
    public Device open(String name, int threads) {
        return new SimDevice(name, this, threads);
    }

    @Override
    public synchronized void close() {
        if (holders > 0 && --holders == 0 || !file.isOpen()) {
            try {
                file.close();
            } catch (IOException e) {
                // It was only read.
            }
        }
    }

    String ptx() {
        return ptx;
    }

    Manifest.Code codeOf(Manifest.Stage stage) {
        return stage.code().get(target.name());
    }

    KernelProgram program(Manifest.Stage stage) {
        KernelProgram program = target.programs().get(codeOf(stage).symbol());
        if (program == null) {
            throw new ArtifactException(reader.path(), "target " + target.name() + " has no program for stage '" + stage.name() + "'");
        }
        return program;
    }

    /** What chooses tokens from logits, or null. */
    KernelProgram samplingProgram() {
        return target.programs().get(KernelProgram.SAMPLING);
    }

    /** A weight's bytes, as they are read. */
    Allocation.Contents contents(Manifest.Weight weight) {
        long start = reader.offset(weight.entry());
        return (offset, into, length) -> read(start + offset, into, length);
    }

    private void read(long position, byte[] into, int length) {
        ByteBuffer buffer = ByteBuffer.wrap(into, 0, length);
        try {
            while (buffer.hasRemaining()) {
                if (file.read(buffer, position + buffer.position()) <= 0) {
                    throw new ArtifactException(reader.path(), "it was truncated while it was read");
                }
            }
        } catch (IOException e) {
            throw new ArtifactException(reader.path(), "cannot be read: " + e.getMessage(), e);
        }
    }
}
