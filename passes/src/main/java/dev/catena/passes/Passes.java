package dev.catena.passes;

import java.lang.reflect.Modifier;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * All passes: the concrete subclasses of {@link Pass} in this package, found by listing the package's classes, so that a
 * new pass is one new file. Sorted by name, for the order of files in a folder or jar means nothing.
 */
public final class Passes {
  private static final List<Pass> ALL = find();

  private Passes() {}

  public static List<Pass> all() {
    return ALL;
  }

  /** The pass of this name; an unknown one is an error that lists those there are. */
  public static Pass get(String name) {
    return ALL.stream().filter(p -> p.name().equals(name)).findFirst()
        .orElseThrow(() -> new PassException("there is no pass " + name + "; there are "
            + ALL.stream().map(Pass::name).collect(Collectors.joining(", "))));
  }

  private static List<Pass> find() {
    String packageName = Passes.class.getPackageName();
    return PackageFolder.files(Passes.class).stream()
        .filter(f -> f.endsWith(".class") && !f.contains("$"))
        .map(f -> classNamed(packageName + "." + f.substring(0, f.length() - ".class".length())))
        .filter(c -> Pass.class.isAssignableFrom(c) && !Modifier.isAbstract(c.getModifiers()))
        .map(Passes::create).sorted(Comparator.comparing(Pass::name)).toList();
  }

  private static Class<?> classNamed(String name) {
    try {
      return Class.forName(name, false, Passes.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Pass create(Class<?> pass) {
    try {
      return (Pass) pass.getConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(pass.getName() + " needs a public constructor without arguments", e);
    }
  }
}
