package dev.catena.codegen.cuda;

/**
 * What of a card decides how kernels of few rows divide their work ({@link ReckonedConfigurations}).
 *
 * @param clock              in Hz
 * @param readBytesPerSecond of its memory
 * @param matrixMultiplyAdds f16 products with f32 sums of a multiprocessor in a clock, by {@code mma.sync}
 * @param bytesUnderWay      that a multiprocessor must have asked for and not got yet for all of the bandwidth
 * @param joinSeconds        what it takes a kernel's blocks to leave their sums to the last of them that arrives
 */
public record CardRates(int multiprocessors, double clock, double readBytesPerSecond, double matrixMultiplyAdds, int bytesUnderWay,
        double joinSeconds) {
    public CardRates {
        if (multiprocessors < 1 || !(clock > 0) || !(readBytesPerSecond > 0) || !(matrixMultiplyAdds > 0) || bytesUnderWay < 1 || !(joinSeconds >= 0)) {
            throw new IllegalArgumentException("no card has " + multiprocessors + " multiprocessors of " + clock + " Hz, " + readBytesPerSecond + " bytes a second, "
                    + matrixMultiplyAdds + " products a clock, " + bytesUnderWay + " bytes under way and " + joinSeconds + " s to join blocks");
        }
    }
}
