/** Numbers as the PTX ISA defines them: small floats, directed rounding, approximations. */
package dev.catena.sim.arithmetic;
