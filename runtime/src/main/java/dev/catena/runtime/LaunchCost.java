package dev.catena.runtime;

/**
 * What a kernel of a step costs, measured by itself: launched again and again for the stages that have it, in a graph.
 *
 * @param kernel  its name
 * @param times   how often a step launches it
 * @param seconds a launch, with what lies between two
 */
public record LaunchCost(String kernel, int times, double seconds) {}
