package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code ./catena} where it can't work: a plain refusal before anything is built or started. */
class LauncherTest {
  @TempDir
  private Path programs;

  private record Launch(int status, String out, String err) {}

  private Launch launch(Map<String, String> environment) throws IOException, InterruptedException {
    Path out = programs.resolve("out");
    Path err = programs.resolve("err");
    ProcessBuilder builder = new ProcessBuilder("../catena", "--version").redirectOutput(out.toFile())
        .redirectError(err.toFile());
    builder.environment().put("PATH", programs + ":" + System.getenv("PATH"));
    builder.environment().putAll(environment);
    int status = builder.start().waitFor();
    return new Launch(status, Files.readString(out), Files.readString(err));
  }

  private void program(String name, String script) throws IOException {
    Path file = programs.resolve(name);
    Files.write(file, ("#!/bin/sh\n" + script + "\n").getBytes(StandardCharsets.UTF_8));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Linux aarch64", "Darwin arm64", "Darwin x86_64", "MINGW64_NT-10.0 x86_64"})
  void otherSystemsAreRefusedInOneLine(String system) throws Exception {
    program("uname", "echo '" + system + "'");
    Launch launch = launch(Map.of());
    assertEquals(2, launch.status());
    assertEquals("", launch.out());
    assertEquals("catena: " + system + " isn't supported: Catena runs on Linux on x86-64 with glibc\n", launch.err());
  }

  @Test
  void missingJavaIsOneLine() throws Exception {
    Launch launch = launch(Map.of("JAVA_HOME", programs.toString()));
    assertEquals(2, launch.status());
    assertEquals(1, launch.err().lines().count(), launch.err());
    assertTrue(launch.err().contains("install a JDK 17"), launch.err());
  }
}
