package dev.catena.codegen.cuda;

import dev.catena.codegen.CompiledCode;
import dev.catena.codegen.ToolInterruptedException;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** NVRTC in a Java process of its own: the program comes by standard input, the outcome goes to standard output. */
final class NvrtcProcess {
    private static final int SECONDS_TO_END = 10;

    private NvrtcProcess() {}

    /**
     * @throws ToolInterruptedException if a signal asked the process to end
     * @throws IOException if it can't be started, or ends before it has answered
     */
    static NvrtcProgram.Outcome compile(NvrtcProgram program) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms8m", "-XX:-UsePerfData", "-Xshare:auto"));
        for (String property : new String[] {"java.io.tmpdir", "org.bytedeco.javacpp.cachedir"}) {
            if (System.getProperty(property) != null) {
                command.add("-D" + property + "=" + System.getProperty(property));
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), NvrtcProcess.class.getName()));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try (OutputStream to = process.getOutputStream(); InputStream from = process.getInputStream()) {
            write(program, new DataOutputStream(to));
            return readOutcome(new DataInputStream(new BufferedInputStream(from)));
        } catch (IOException e) {
            throw ended(process, e);
        } finally {
            process.destroyForcibly();
        }
    }

    /** Why the process can't be talked to: it has ended, or is about to, since its pipes break before its status is there. */
    private static IOException ended(Process process, IOException cause) throws ToolInterruptedException {
        try {
            if (!process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) {
                return cause;
            }
            int status = process.exitValue();
            ToolInterruptedException.check("NVRTC's process", status);
            return new IOException("NVRTC's process ended with status " + status + " before its code was there", cause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return cause;
        }
    }

    /** The process itself; public because {@code java} starts no other. Who started it may be gone before: then nobody wants to hear of it. */
    public static void main(String[] arguments) {
        try {
            answer();
        } catch (IOException e) {
            System.exit(1);
        }
    }

    private static void answer() throws IOException {
        try (OutputStream out = new FileOutputStream(FileDescriptor.out)) {
            NvrtcProgram.Outcome outcome = readProgram(new DataInputStream(new BufferedInputStream(System.in))).compile();
            DataOutputStream to = new DataOutputStream(out);
            to.writeBoolean(outcome.accepted());
            writeBytes(to, outcome.compiled().code());
            writeBytes(to, outcome.compiled().log().getBytes(StandardCharsets.UTF_8));
            to.flush();
        }
    }

    private static void write(NvrtcProgram program, DataOutputStream to) throws IOException {
        writeBytes(to, program.name().getBytes(StandardCharsets.UTF_8));
        writeBytes(to, program.source().getBytes(StandardCharsets.UTF_8));
        to.writeInt(program.options().size());
        for (String option : program.options()) {
            writeBytes(to, option.getBytes(StandardCharsets.UTF_8));
        }
        to.writeBoolean(program.cubin());
        to.flush();
    }

    private static NvrtcProgram readProgram(DataInputStream from) throws IOException {
        String name = new String(readBytes(from), StandardCharsets.UTF_8);
        String source = new String(readBytes(from), StandardCharsets.UTF_8);
        List<String> options = new ArrayList<>();
        for (int left = from.readInt(); left > 0; left--) {
            options.add(new String(readBytes(from), StandardCharsets.UTF_8));
        }
        return new NvrtcProgram(name, source, options, from.readBoolean());
    }

    private static NvrtcProgram.Outcome readOutcome(DataInputStream from) throws IOException {
        boolean accepted = from.readBoolean();
        byte[] code = readBytes(from);
        return new NvrtcProgram.Outcome(accepted, new CompiledCode(code, new String(readBytes(from), StandardCharsets.UTF_8)));
    }

    private static void writeBytes(DataOutputStream to, byte[] bytes) throws IOException {
        to.writeInt(bytes.length);
        to.write(bytes);
    }

    private static byte[] readBytes(DataInputStream from) throws IOException {
        int length = from.readInt();
        byte[] bytes = from.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException();
        }
        return bytes;
    }
}
