package dev.catena.frontend.onnx;

import dev.catena.ir.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the names of a graph stand for, and those of the graphs inside it while they are imported: a branch sees what is
 * around it, and what it defines is forgotten behind it. Leaving costs what was defined inside, not what is known.
 */
final class ScopedNames {
  private final Map<String, Value> values = new HashMap<>();
  private final Map<String, OnnxTensor> tensors = new HashMap<>();
  private final Deque<List<Runnable>> scopes = new ArrayDeque<>();

  boolean knows(String name) {
    return values.containsKey(name) || tensors.containsKey(name);
  }

  /** The value of that name, or null. */
  Value value(String name) {
    return values.get(name);
  }

  /** The initializer of that name, or null. */
  OnnxTensor tensor(String name) {
    return tensors.get(name);
  }

  void put(String name, Value value) {
    put(values, name, value);
  }

  void define(String name, OnnxTensor tensor) {
    put(tensors, name, tensor);
  }

  private <V> void put(Map<String, V> map, String name, V entry) {
    V before = map.put(name, entry);
    if (!scopes.isEmpty()) {
      scopes.peek().add(before == null ? () -> map.remove(name) : () -> map.put(name, before));
    }
  }

  /** What is defined from now on is forgotten by {@link #leave}. */
  void enter() {
    scopes.push(new ArrayList<>());
  }

  void leave() {
    List<Runnable> undo = scopes.pop();
    Collections.reverse(undo);
    undo.forEach(Runnable::run);
  }
}
