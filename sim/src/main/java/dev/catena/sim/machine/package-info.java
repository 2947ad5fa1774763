/** The machine: decoded kernels, warps and blocks, memory with its checks. Instructions are decoded once, then run on 32 lanes at a time. */
package dev.catena.sim.machine;
