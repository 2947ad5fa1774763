/** GPUs: what runs an artifact's kernels (docs/cuda-abi.md) over the calls of a driver, libcuda's or the simulator's. */
package dev.catena.runtime.gpu;
