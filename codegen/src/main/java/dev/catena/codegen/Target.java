package dev.catena.codegen;

/** What code is generated for: a kind of CPU or a GPU architecture. */
public interface Target {
    /** As it stands in a manifest and behind {@code --target}, such as {@code cpu:x86-64-v3} or {@code sm_86}. */
    String name();
}
