package dev.catena.codegen.cpu;

import dev.catena.codegen.ToolInterruptedException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A temporary folder in which one program runs at a time; both go when it is closed, or the process is interrupted. */
final class BuildFolder implements AutoCloseable {
    private final Path path;
    private final Thread atShutdown = new Thread(this::abandon, "catena-build-discard");
    private Process running;
    private boolean abandoned;

    /** @throws IOException also while the process ends */
    BuildFolder() throws IOException {
        path = Files.createTempDirectory("catena-cc");
        try {
            Runtime.getRuntime().addShutdownHook(atShutdown);
        } catch (IllegalStateException e) {
            delete();
            throw new IOException("the process is ending", e);
        }
    }

    Path path() {
        return path;
    }

    void write(String name, String text) throws IOException {
        try {
            Files.writeString(path.resolve(name), text);
        } catch (FileSystemException e) {   // names the file itself
            throw e;
        } catch (IOException e) {
            throw new IOException(path.resolve(name) + ": cannot be written: " + e.getMessage() + "; CATENA_OPTS=-Djava.io.tmpdir=… names another place", e);
        }
    }

    /**
     * Runs a program in the folder, without this process's environment: CPATH, CCC_OVERRIDE_OPTIONS and the like would change what is made.
     *
     * @param log file that gets what it prints
     * @return its exit status, or −1 if it didn't end in ten minutes
     * @throws ToolInterruptedException if a signal asked it to end
     * @throws IOException also while the process ends
     */
    int run(List<String> command, String log) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.directory(path.toFile());
        builder.environment().clear();
        builder.redirectErrorStream(true).redirectOutput(path.resolve(log).toFile());
        Process process;
        synchronized (this) {
            requireKept();
            process = builder.start();
            running = process;
        }
        try {
            boolean ended = process.waitFor(10, TimeUnit.MINUTES);
            synchronized (this) {
                requireKept();
            }
            if (!ended) {
                return -1;
            }
            ToolInterruptedException.check(Path.of(command.get(0)).getFileName().toString(), process.exitValue());
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }

    private void requireKept() throws IOException {
        if (abandoned) {
            throw new IOException("the process is ending");
        }
    }

    private synchronized void abandon() {
        abandoned = true;
        try {
            if (running != null) {
                running.destroyForcibly().waitFor();   // else it would write to the folder while that is deleted
            }
            delete();
        } catch (IOException | InterruptedException e) {
            // The process ends; nobody can do more.
        }
    }

    private void delete() throws IOException {
        try (Stream<Path> paths = Files.walk(path)) {
            for (Path each : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        }
    }

    @Override
    public synchronized void close() throws IOException {
        if (abandoned) {
            return;
        }
        try {
            Runtime.getRuntime().removeShutdownHook(atShutdown);
        } catch (IllegalStateException e) {
            return;   // it is about to run
        }
        delete();
    }
}
