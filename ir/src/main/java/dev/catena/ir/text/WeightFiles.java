package dev.catena.ir.text;

import dev.catena.ir.MappedFile;

/** Where the files are that a text's weights refer to. */
@FunctionalInterface
public interface WeightFiles {
  /** No files: weights stay symbolic. */
  WeightFiles NONE = name -> null;

  /** The file of this name, or null where it isn't known; never a path of the text's own choosing. */
  MappedFile find(String name);
}
