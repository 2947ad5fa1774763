package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's Java program is one. */
class ReadmeProgramTest {
  @TempDir
  private Path folder;

  @Test
  void programCompiles() throws Exception {
    Matcher block = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(Path.of("../README.md")));
    assertTrue(block.find(), "the README has no Java program");
    Path source = Files.writeString(folder.resolve("Tell.java"), block.group(1));
    StringWriter errors = new StringWriter();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (var files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled = compiler.getTask(errors, files, null,
          List.of("-d", folder.toString(), "-cp", System.getProperty("java.class.path")), null,
          files.getJavaFileObjects(source)).call();
      assertEquals("", errors.toString());
      assertTrue(compiled);
    }
  }
}
