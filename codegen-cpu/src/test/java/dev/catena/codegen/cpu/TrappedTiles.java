package dev.catena.codegen.cpu;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** While it is open, one thread may run code for AMX on a CPU without it (trapped_tiles.c). One that has AMX runs it itself. */
final class TrappedTiles implements AutoCloseable {
    static {
        try {
            Path path = Files.createTempFile("catena-test", ".so");
            Files.write(path, new CpuToolchain().compileForAnyCpu(
                    List.of(new CSource("trapped_tiles.c", CTemplate.text("trapped_tiles.c")))));
            System.load(path.toString());
            Files.delete(path);
        } catch (Exception e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    TrappedTiles() {
        install();
    }

    @Override
    public void close() {
        restore();
    }

    /** Tile instructions that were done here. */
    static native long instructions();

    /** Those among them that are a fault on a CPU that has AMX. */
    static native long faults();

    private static native void install();

    private static native void restore();
}
