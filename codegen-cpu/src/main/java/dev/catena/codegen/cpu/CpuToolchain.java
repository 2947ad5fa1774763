package dev.catena.codegen.cpu;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.CompiledCode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

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

    private static final List<String> LINK_OPTIONS = List.of("-flavor", "gnu", "-shared",
            "--build-id=none", "--no-undefined-version", "--gc-sections", "-z", "noexecstack");

    private final EmbeddedLlvm llvm;
    private final CodeStore store;

    /** Keeps nothing. */
    public CpuToolchain() throws IOException {
        this(CodeStore.none());
    }

    /** @param store where what {@link #compile} made is kept from one run to the next */
    public CpuToolchain(CodeStore store) throws IOException {
        llvm = EmbeddedLlvm.get();
        this.store = store;
    }

    /**
     * Compiles the sources, one after the other since each takes a hundred MB, and links them into one shared library.
     *
     * @throws CompileError if clang or lld refuses; generated code never should, so it names the lines
     */
    public byte[] compile(List<CSource> sources, CpuTarget target) throws IOException, InterruptedException {
        List<String> parts = new ArrayList<>(List.of(llvm.release(), String.join("\n", COMMON_OPTIONS),
                String.join("\n", target.clangOptions()), String.join("\n", LINK_OPTIONS)));
        for (CSource source : sources) {
            parts.add(source.name());
            parts.add(source.text());
        }
        String key = CodeStore.key(parts.toArray(String[]::new));
        CompiledCode known = store.find(key).orElse(null);
        if (known != null) {
            return known.code();
        }
        byte[] library = build(sources, target.clangOptions());
        store.keep(key, new CompiledCode(library, ""));
        return library;
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
        try (BuildFolder folder = new BuildFolder()) {
            List<String> names = new ArrayList<>();
            for (CSource source : sources) {
                folder.write(source.name(), source.text());
                names.add(source.name());
                runClang(source.name(), targetOptions, folder);
            }
            return link(names, folder);
        }
    }

    private void runClang(String source, List<String> targetOptions, BuildFolder folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(llvm.clang().toString());
        command.addAll(COMMON_OPTIONS);
        command.addAll(targetOptions);
        command.add("-resource-dir=" + llvm.resources());
        command.addAll(List.of(source, "-o", objectName(source)));
        int status = folder.run(command, source + ".log");
        if (status < 0) {
            throw new CompileError("clang did not finish " + source + " within 10 minutes");
        }
        if (status != 0) {
            // clang quotes the offending lines of the source below each message.
            throw new CompileError("clang refused generated code:\n" + Files.readString(folder.path().resolve(source + ".log")));
        }
    }

    private byte[] link(List<String> sources, BuildFolder folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(llvm.lld().toString());
        command.addAll(LINK_OPTIONS);
        command.addAll(List.of("-o", "library.so"));
        sources.forEach(source -> command.add(objectName(source)));
        if (folder.run(command, "link.log") != 0) {
            throw new CompileError("lld failed:\n" + Files.readString(folder.path().resolve("link.log")));
        }
        return Files.readAllBytes(folder.path().resolve("library.so"));
    }

    private static String objectName(String source) {
        return source.replaceFirst("\\.c$", ".o");
    }
}
