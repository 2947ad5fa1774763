package dev.catena.tools;

import java.io.File;
import java.io.IOException;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Loads the classes that most commands need, and ends. The launcher runs this once, after the build, under
 * {@code -XX:ArchiveClassesAtExit}: Java then maps the loaded classes at each start instead of reading them again.
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
}
