package dev.catena.tests.cuda;

import dev.catena.codegen.cpu.CSource;
import dev.catena.codegen.cpu.CpuToolchain;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/** NVIDIA's own linker, which takes PTX as a driver does. */
final class JitLink {
  private static final String LIBRARY = "/org/bytedeco/cuda/linux-x86_64/libnvJitLink.so.12";

  static {
    try (InputStream c = JitLink.class.getResourceAsStream("jit_link.c")) {
      CSource source = new CSource("jit_link.c", new String(c.readAllBytes(), StandardCharsets.UTF_8)
          .replace("int32_t Java_", "__attribute__((visibility(\"default\"))) int32_t Java_"));
      Path stub = Files.createTempFile("catena-test", ".so");
      Files.write(stub, new CpuToolchain().compileForAnyCpu(List.of(source)));
      System.load(stub.toString());
      Files.delete(stub);
    } catch (IOException | InterruptedException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private JitLink() {}

  /** Links PTX for an architecture such as {@code sm_86}. Returns what the linker complains of, empty if nothing. */
  static String complaint(byte[] ptx, String architecture) throws IOException {
    URL resource = JitLink.class.getResource(LIBRARY);
    File library = Loader.cacheResource(resource);
    try (BytePointer path = new BytePointer(library.getAbsolutePath());
        BytePointer option = new BytePointer("-arch=" + architecture);
        BytePointer text = new BytePointer(ptx.length + 1L);
        BytePointer log = new BytePointer(1 << 20)) {
      text.put(ptx, 0, ptx.length);
      text.put(ptx.length, (byte) 0);
      int result = link(path.address(), option.address(), text.address(), ptx.length + 1L, log.address(), log.capacity());
      return result == 0 ? "" : "error " + result + ": " + log.getString();
    }
  }

  private static native int link(long path, long architecture, long ptx, long ptxBytes, long log, long logBytes);
}
