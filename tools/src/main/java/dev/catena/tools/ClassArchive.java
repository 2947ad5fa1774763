package dev.catena.tools;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Loads the classes that most commands need, lets the demo's model be compiled and run, and ends. The launcher runs this once,
 * after the build, under {@code -XX:ArchiveClassesAtExit}: Java then maps the classes at each start instead of reading them again.
 * What it makes of lambdas while it runs it archives only where they ran, hence the rehearsal.
 */
final class ClassArchive {
  /** What every command but {@code --version} reads: our own code, and the manifest's JSON. */
  private static final String WANTED = "(catena|jackson)-.*\\.jar";

  private ClassArchive() {}

  public static void main(String[] args) throws IOException {
    for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (new File(path).getName().matches(WANTED)) {
        load(path);
      }
    }
    Path model = DemoCommand.modelFolder();
    if (Files.isDirectory(model)) {
      rehearse(model);
    }
  }

  private static void load(String jarPath) throws IOException {
    try (JarFile jar = new JarFile(jarPath)) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        String name = entry.getName();
        if (name.endsWith(".class") && !name.startsWith("META-INF") && !name.endsWith("-info.class")) {
          try {
            Class.forName(name.substring(0, name.length() - ".class".length()).replace('/', '.'), false,
                ClassArchive.class.getClassLoader());
          } catch (ClassNotFoundException | LinkageError e) {
            // It needs what isn't here, so no command uses it.
          }
        }
      }
    }
  }

  /** Whether the commands succeed is not looked at: without them the archive only holds less. */
  private static void rehearse(Path model) throws IOException {
    Path folder = Files.createTempDirectory("catena-rehearsal");
    Path artifact = folder.resolve("tale.catena");
    try {
      Catena.run("compile", model.toString(), "-o", artifact.toString());
      Catena.run("run", artifact.toString(), "--prompt", "Once", "--max-tokens", "3");
      Catena.run("run", artifact.toString(), "--prompt", "Once", "--max-tokens", "3");   // a file that was opened before is opened otherwise
      Catena.run("inspect", artifact.toString());
    } finally {
      Files.deleteIfExists(artifact);
      Files.deleteIfExists(folder);
    }
  }
}
