/** The device {@code sim:0}: runs an artifact's GPU kernels from their PTX, instruction by instruction, and checks them. */
package dev.catena.sim;
