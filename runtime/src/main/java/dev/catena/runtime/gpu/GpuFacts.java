package dev.catena.runtime.gpu;

/**
 * @param description     the maker's name for it
 * @param capability      compute capability, ten times the major number plus the minor one
 * @param multiprocessors how many it has
 * @param memoryBytes     in all
 */
public record GpuFacts(String description, int capability, int multiprocessors, long memoryBytes) {}
