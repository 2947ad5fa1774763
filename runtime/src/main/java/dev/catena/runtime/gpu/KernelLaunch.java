package dev.catena.runtime.gpu;

/**
 * A kernel with everything that it is launched with; nothing of it changes from step to step.
 *
 * @param name     for messages
 * @param kernel   the driver's handle
 * @param grid     blocks in x, y, z
 * @param block    threads of a block in x, y, z
 * @param shared   bytes of dynamic shared memory
 * @param pointers its parameters
 * @param dead     starts of regions that hold nothing any more when it begins: a device that checks forgets them
 */
public record KernelLaunch(String name, long kernel, int[] grid, int[] block, int shared, long[] pointers, long[] dead) {}
