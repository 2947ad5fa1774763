package dev.catena.passes;

import dev.catena.ir.text.Suggestion;
import java.lang.reflect.Modifier;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

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

  /** The pass of this name; an unknown one is an error that tells the nearest, or those there are. */
  public static Pass get(String name) {
    return ALL.stream().filter(p -> p.name().equals(name)).findFirst()
        .orElseThrow(() -> new PassException("there is no pass " + name + suggestion(name)));
  }

  private static String suggestion(String name) {
    List<String> names = ALL.stream().map(Pass::name).toList();
    String near = Suggestion.among(name.toLowerCase(Locale.ROOT).replace('_', '-'), names);
    return near.isEmpty() ? "; there are " + String.join(", ", names) : near;
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
