/** PTX text to a parsed module: names resolved, nothing interpreted. */
package dev.catena.sim.ptx;
