package dev.catena.runtime.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplingParametersTest {
    @ParameterizedTest
    @CsvSource({
        "-0.1, 0, 1, 0, 1, temperature", "NaN, 0, 1, 0, 1, temperature", "Infinity, 0, 1, 0, 1, temperature",
        "1, -1, 1, 0, 1, top-k",
        "1, 0, 1.01, 0, 1, top-p", "1, 0, -0.1, 0, 1, top-p", "1, 0, NaN, 0, 1, top-p",
        "1, 0, 1, -0.1, 1, min-p", "1, 0, 1, 1.5, 1, min-p", "1, 0, 1, NaN, 1, min-p",
        "1, 0, 1, 0, 0, repeat-penalty", "1, 0, 1, 0, -1, repeat-penalty", "1, 0, 1, 0, NaN, repeat-penalty",
        "1, 0, 1, 0, 1e-60, repeat-penalty", "1, 0, 1, 0, 1e60, repeat-penalty"})
    void valuesOutOfRangeAreRefusedByName(double temperature, int topK, double topP, double minP, double repeatPenalty, String name) {
        String message = assertThrows(IllegalArgumentException.class,
                () -> new SamplingParameters(temperature, topK, topP, minP, repeatPenalty, 0)).getMessage();
        assertTrue(message.startsWith(name + " must be "), message);
        assertEquals(1, message.lines().count(), message);
    }

    @Test
    void theEndsOfTheRangesAreAllowed() {
        assertTrue(new SamplingParameters(0, 0, 0, 0, Float.MIN_NORMAL, Long.MIN_VALUE).isGreedy());
        assertTrue(!new SamplingParameters(Double.MIN_VALUE, Integer.MAX_VALUE, 1, 1, Float.MAX_VALUE, -1).isGreedy());
        assertTrue(SamplingParameters.greedy().isGreedy());
    }
}
