package dev.catena.codegen.cpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * From C to a shared library, with the clang and lld of {@link EmbeddedLlvm}: nothing installed on the machine is used.
 *
 * <p>The same sources give the same bytes: clang runs in a folder of its own on relative names, and the library has
 * neither a build id nor paths in it. Symbols are hidden unless a source gives them default visibility. The functions
 * that a source leaves undefined are resolved from the process that loads the library.
 */
public final class CpuToolchain {
    private static final List<String> COMMON_OPTIONS = List.of(
            "--target=x86_64-unknown-linux-gnu", "-std=gnu17", "-O3", "-ffreestanding", "-fPIC", "-fvisibility=hidden",
            // No FMA that the source doesn't spell out: results must not depend on how clang unrolls a loop.
            "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
            // Else clang keeps vectors that don't fit the registers at addresses that cross cache lines.
            "-mstackrealign",
            "-fno-ident", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
            // Kernels reinterpret bytes. Warnings depend on the shapes that are baked in, and say nothing about those.
            "-fno-strict-aliasing", "-w", "-c");

    /** Older machines can load what is compiled so: SSE2 alone. */
    private static final List<String> BASELINE_OPTIONS = List.of("-march=x86-64");

    private final EmbeddedLlvm llvm;

    public CpuToolchain() throws IOException {
        llvm = EmbeddedLlvm.get();
    }

    /**
     * Compiles the sources, one after the other since each takes a hundred MB, and links them into one shared library.
     *
     * @throws CompileError if clang or lld refuses; generated code never should, so it names the lines
     */
    public byte[] compile(List<CSource> sources, CpuTarget target) throws IOException, InterruptedException {
        return build(sources, target.clangOptions());
    }

    /** Like {@link #compile}, with signed integers that wrap: what a tensor's elements do is no reason for surprises. */
    byte[] compileWrapping(Iterable<CSource> sources, CpuTarget target) throws IOException, InterruptedException {
        List<String> options = new ArrayList<>(target.clangOptions());
        options.add("-fwrapv");
        return build(sources, options);
    }

    /** Like {@link #compile}, for any x86-64 CPU at all: for code that runs before the CPU's features are checked. */
    public byte[] compileForAnyCpu(List<CSource> sources) throws IOException, InterruptedException {
        return build(sources, BASELINE_OPTIONS);
    }

    private byte[] build(Iterable<CSource> sources, List<String> targetOptions) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("catena-cc");
        try {
            List<String> names = new ArrayList<>();
            for (CSource source : sources) {
                Files.writeString(folder.resolve(source.name()), source.text());
                names.add(source.name());
                runClang(source.name(), targetOptions, folder);
            }
            return link(names, folder);
        } finally {
            deleteFlat(folder);
        }
    }

    private void runClang(String source, List<String> targetOptions, Path folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(llvm.clang().toString());
        command.addAll(COMMON_OPTIONS);
        command.addAll(targetOptions);
        command.add("-resource-dir=" + llvm.resources());
        command.addAll(List.of(source, "-o", objectName(source)));
        Process clang = start(command, folder, logName(source));
        try {
            await(clang, folder, source);
        } finally {
            clang.destroyForcibly();
        }
    }

    private byte[] link(List<String> sources, Path folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(llvm.lld().toString(), "-flavor", "gnu", "-shared",
                "--build-id=none", "--no-undefined-version", "--gc-sections", "-z", "noexecstack", "-o", "library.so"));
        sources.forEach(source -> command.add(objectName(source)));
        Process lld = start(command, folder, "link.log");
        try {
            if (lld.waitFor() != 0) {
                throw new CompileError("lld failed:\n" + Files.readString(folder.resolve("link.log")));
            }
        } finally {
            lld.destroyForcibly();
        }
        return Files.readAllBytes(folder.resolve("library.so"));
    }

    private static Process start(List<String> command, Path folder, String log) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.directory(folder.toFile());
        builder.environment().clear(); // CPATH, CCC_OVERRIDE_OPTIONS and the like would change the output
        builder.redirectErrorStream(true).redirectOutput(folder.resolve(log).toFile());
        return builder.start();
    }

    private static void await(Process clang, Path folder, String source) throws IOException, InterruptedException {
        if (!clang.waitFor(10, TimeUnit.MINUTES)) {
            throw new CompileError("clang did not finish " + source + " within 10 minutes");
        }
        if (clang.exitValue() != 0) {
            // clang quotes the offending lines of the source below each message.
            throw new CompileError("clang refused generated code:\n" + Files.readString(folder.resolve(logName(source))));
        }
    }

    private static String objectName(String source) {
        return source.replaceFirst("\\.c$", ".o");
    }

    private static String logName(String source) {
        return source + ".log";
    }

    private static void deleteFlat(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
