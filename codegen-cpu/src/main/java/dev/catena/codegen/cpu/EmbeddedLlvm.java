package dev.catena.codegen.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/**
 * The clang and lld inside the JavaCPP LLVM preset, unpacked once per user into JavaCPP's cache folder.
 *
 * <p>Two processes may unpack at once, and one may be killed while it does: each writes a folder of its own and then
 * renames it to the common name, so that a folder with that name is always whole.
 *
 * @param home the folder that holds {@code clang}, {@code lld}, their libraries and clang's headers
 */
record EmbeddedLlvm(Path home) {
    private static final String ORIGIN = "org/bytedeco/llvm/linux-x86_64/";
    private static final String HEADERS = ORIGIN + "lib/clang/20/include/";
    private static final Set<String> PROGRAMS = Set.of("clang", "lld", "libLLVM.so", "libclang-cpp.so");

    /** Headers that x86 code never includes; they would be 8 MB of the folder. */
    private static final String FOREIGN_HEADERS =
            "(arm|riscv|sifive|opencl|hlsl|altivec|vecintrin|wasm|msa|lsx|lasx|hexagon|hvx|velintrin|__clang_).*";

    /** To be raised when what is unpacked changes: a folder that an older version left must not be taken for ours. */
    private static final String FOLDER_VERSION = "-1";

    private static volatile EmbeddedLlvm unpacked;

    /** The unpacked programs; the first call on a machine takes some seconds and 280 MB of disk. */
    static EmbeddedLlvm get() throws IOException {
        if (unpacked == null) {
            synchronized (EmbeddedLlvm.class) {
                if (unpacked == null) {
                    unpacked = unpack();
                }
            }
        }
        return unpacked;
    }

    /** Which clang and lld these are: the name of the folder, in which the jar's is. */
    String release() {
        return home.getFileName().toString();
    }

    Path clang() {
        return home.resolve("clang");
    }

    Path lld() {
        return home.resolve("lld");
    }

    /** The folder that clang calls its resource directory; it has {@code include/}. */
    Path resources() {
        return home.resolve("lib/clang/20");
    }

    private static EmbeddedLlvm unpack() throws IOException {
        URL clang = EmbeddedLlvm.class.getClassLoader().getResource(ORIGIN + "clang");
        if (clang == null || !(clang.openConnection() instanceof JarURLConnection connection)) {
            throw new IOException("the LLVM preset for linux-x86_64 (org.bytedeco:llvm) is not on the class path");
        }
        connection.setUseCaches(false);
        try (JarFile jar = connection.getJarFile()) {
            Path jarName = Path.of(jar.getName()).getFileName();
            Path home = Loader.getCacheDir().toPath().resolve("catena-" + jarName.toString().replace(".jar", FOLDER_VERSION));
            if (!Files.isDirectory(home)) {
                Path partial = Files.createTempDirectory(home.getParent(), home.getFileName() + ".partial");
                try {
                    unpack(jar, partial);
                    publish(partial, home);
                } finally {
                    deleteTree(partial);
                }
            }
            return new EmbeddedLlvm(home);
        }
    }

    private static void unpack(JarFile jar, Path folder) throws IOException {
        Path include = Files.createDirectories(folder.resolve("lib/clang/20/include"));
        Enumeration<JarEntry> entries = jar.entries();
        while (entries.hasMoreElements()) {
            JarEntry entry = entries.nextElement();
            String name = entry.getName();
            Path destination;
            if (name.startsWith(HEADERS) && isWantedHeader(name.substring(HEADERS.length()))) {
                destination = include.resolve(name.substring(HEADERS.length()));
            } else if (name.startsWith(ORIGIN) && PROGRAMS.contains(name.substring(ORIGIN.length()))) {
                destination = folder.resolve(name.substring(ORIGIN.length()));
            } else {
                continue;
            }
            try (InputStream content = jar.getInputStream(entry)) {
                Files.copy(content, destination);
            }
        }
        for (String program : List.of("clang", "lld")) {
            if (!folder.resolve(program).toFile().setExecutable(true)) {
                throw new IOException("can't make " + folder.resolve(program) + " executable");
            }
        }
        // The names that the programs were linked against.
        Files.createSymbolicLink(folder.resolve("libLLVM.so.20.1"), Path.of("libLLVM.so"));
        Files.createSymbolicLink(folder.resolve("libclang-cpp.so.20.1"), Path.of("libclang-cpp.so"));
    }

    private static boolean isWantedHeader(String name) {
        return name.indexOf('/') < 0 && name.endsWith(".h") && !name.matches(FOREIGN_HEADERS);
    }

    private static void publish(Path partial, Path home) throws IOException {
        try {
            Files.move(partial, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (DirectoryNotEmptyException | FileAlreadyExistsException e) {
            // Another process was first; its folder is as good as ours.
        } catch (IOException e) {
            if (!Files.isDirectory(home)) {
                throw e;
            }
        }
    }

    private static void deleteTree(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(folder)) {
            paths.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.delete(path);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
