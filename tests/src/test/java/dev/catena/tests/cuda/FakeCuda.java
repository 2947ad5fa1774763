package dev.catena.tests.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.cpu.CSource;
import dev.catena.codegen.cpu.CpuToolchain;
import dev.catena.runtime.cpu.SystemLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The driver of {@code fake_cuda.c} in the place of libcuda.so.1: it runs no kernels, but keeps memory, checks every call and
 * writes it down. Each one is a library of its own.
 */
final class FakeCuda implements AutoCloseable {
  private static byte[] library;

  private final SystemLibrary opened;
  private final ByteBuffer arguments = ByteBuffer.allocateDirect(8 * SystemLibrary.MOST_ARGUMENTS).order(ByteOrder.nativeOrder());

  /** What it pretends to be. */
  record Settings(int version, int devices, int capability, long memory, String failing, int failsAfter, int error) {
    static Settings of(int devices, int capability, long memory) {
      return new Settings(12040, devices, capability, memory, "", 0, 0);
    }

    Settings withVersion(int other) {
      return new Settings(other, devices, capability, memory, failing, failsAfter, error);
    }

    /** After {@code calls} of it this function gives an error. */
    Settings failing(String function, int calls, int with) {
      return new Settings(version, devices, capability, memory, function, calls, with);
    }
  }

  FakeCuda(Path folder, Settings settings) throws IOException, InterruptedException {
    Path file = Files.createTempFile(folder, "libcuda", ".so");
    Files.write(file, library());
    opened = SystemLibrary.open(file.toString());
    ByteBuffer values = ByteBuffer.allocateDirect(48).order(ByteOrder.nativeOrder()).putLong(0, settings.version)
        .putLong(8, settings.devices).putLong(16, settings.capability).putLong(24, settings.memory)
        .putLong(32, settings.failsAfter).putLong(40, settings.error);
    call("fake_configure", SystemLibrary.address(values), SystemLibrary.address(SystemLibrary.cString(settings.failing)));
    System.setProperty("catena.cuda.library", file.toString());
  }

  private static synchronized byte[] library() throws IOException, InterruptedException {
    if (library == null) {
      try (InputStream in = FakeCuda.class.getResourceAsStream("fake_cuda.c")) {
        library = new CpuToolchain().compileForAnyCpu(List.of(new CSource("fake_cuda.c",
            new String(in.readAllBytes(), StandardCharsets.UTF_8))));
      }
    }
    return library;
  }

  private int call(String function, long... values) {
    for (int i = 0; i < values.length; i++) {
      arguments.putLong(8 * i, values[i]);
    }
    return SystemLibrary.call(opened.function(function), SystemLibrary.address(arguments));
  }

  /** All calls so far, a line each. */
  List<String> log() {
    ByteBuffer place = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
    call("fake_log", SystemLibrary.address(place));
    byte[] text = new byte[(int) place.getLong(8)];
    SystemLibrary.view(place.getLong(0), text.length).get(text);
    return new String(text, StandardCharsets.UTF_8).lines().toList();
  }

  List<String> log(String start) {
    return log().stream().filter(line -> line.startsWith(start)).toList();
  }

  /** The most device memory that was taken at a time. */
  long mostBytes() {
    return log("allocate").stream().mapToLong(line -> Long.parseLong(line.replaceAll(".*in all ", ""))).max().orElse(0);
  }

  /** All memory, streams, events, code and graphs were given back. */
  void assertNothingLeft() {
    assertEquals(0, call("fake_leaks"), () -> String.join("\n", log("LEAK")));
  }

  /** The bytes at a device's address. */
  static byte[] bytes(long address, int count) {
    byte[] bytes = new byte[count];
    SystemLibrary.view(address, count).get(bytes);
    return bytes;
  }

  @Override
  public void close() {
    System.clearProperty("catena.cuda.library");
  }
}
