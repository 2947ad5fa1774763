/** How long a kernel would take on a card, predicted from what the simulator counted. Nothing here is a measurement. */
package dev.catena.sim.timing;
