package dev.catena.tools;

/**
 * How fast sequences decode together.
 *
 * @param togetherPerSecond median tokens a second of all of them
 * @param onePerSecond      median tokens a second of one alone, measured in turns with them
 * @param ratio             median of the ratios of the two, pair by pair
 */
record BatchSpeed(int sequences, double togetherPerSecond, double onePerSecond, double ratio) {}
