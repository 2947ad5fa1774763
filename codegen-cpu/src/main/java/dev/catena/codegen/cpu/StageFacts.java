package dev.catena.codegen.cpu;

/**
 * What the runtime needs to run a stage's code.
 *
 * @param symbol the exported function
 * @param arenaBytes how far into the device's arena it reaches
 * @param scratchBytes what each thread needs for itself, a multiple of 64
 */
public record StageFacts(String symbol, long arenaBytes, long scratchBytes) {}
