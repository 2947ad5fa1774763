package dev.catena.sim.ptx;

/**
 * A virtual register of a function.
 *
 * @param name  as written, such as {@code %r12}
 * @param type  such as {@code b32} or {@code pred}
 * @param index among the function's registers, from 0
 */
public record PtxRegister(String name, String type, int index) {}
