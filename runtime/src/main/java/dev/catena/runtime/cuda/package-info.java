/** NVIDIA's GPUs, through the driver's library alone. */
package dev.catena.runtime.cuda;
