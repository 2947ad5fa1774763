package dev.catena.codegen.cpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * {@code StubBuild IN.c OUT.so}: compiles the runtime's native stub while Catena is built.
 *
 * <p>The library loads on any x86-64 CPU, so that the stub can look at the CPU before anything newer runs. What the
 * source declares but doesn't define ({@code dlopen}, {@code mmap}, {@code syscall}) comes from the process's libc.
 */
public final class StubBuild {
    private StubBuild() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length != 2) {
            System.err.println("usage: StubBuild IN.c OUT.so");
            System.exit(2);
        }
        Path in = Path.of(arguments[0]);
        Path out = Path.of(arguments[1]).toAbsolutePath();
        CSource source = new CSource(in.getFileName().toString(), Files.readString(in));
        Files.createDirectories(out.getParent());
        Files.write(out, new CpuToolchain().compileForAnyCpu(List.of(source)));
    }
}
