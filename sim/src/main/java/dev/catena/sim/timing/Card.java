package dev.catena.sim.timing;

import java.util.List;
import java.util.Optional;

/**
 * A graphics card as {@link PredictedTime} sees it. <b>No constant here was fitted on a card yet</b>: clocks, counts, cache and
 * data-sheet bandwidth are NVIDIA's (architecture whitepapers: Turing WP-09183 and the T4 data sheet, A100, GA102, Ada, H100, RTX
 * Blackwell; H200 data sheet), the rest as said at each.
 *
 * @param name                as it stands in tables; {@code nvidia-smi}'s name contains it
 * @param capability          compute capability, ten times the major number plus the minor one
 * @param clock               boost clock in Hz
 * @param readBytesPerSecond  what a kernel that only reads gets of the memory
 * @param l2Bytes             of level 2 cache
 * @param fmaLanes            f32 products of a multiprocessor in a clock
 * @param aluLanes            integer and logic operations of a multiprocessor in a clock (CUDA C++ Programming Guide, "Arithmetic
 *                            Instructions")
 * @param doubleLanes         f64 products of a multiprocessor in a clock (the same table)
 * @param matrixMultiplyAdds  f16 products with f32 sums of a multiprocessor in a clock, by {@code mma.sync}
 * @param latencyClocks       of a load that misses all caches (Luo and others, "Dissecting the NVIDIA Hopper Architecture through
 *                            Microbenchmarking", arXiv 2501.12084, for A100, 4090 and H100; others: 500)
 * @param boundarySeconds     from a kernel's end to the next one's beginning in a graph
 * @param bytesUnderWay       that a multiprocessor must have asked for and not got yet for all of the bandwidth, as loaded memory
 *                            answers: the project's figures (H100 32 KiB, H200 40, A100 12, 3090 and 4090 8; T4 and 5090 by their
 *                            bandwidth between them; L4 as the 4090)
 * @param measured            what of it was measured on a card, in words; empty: nothing
 */
public record Card(String name, int capability, int multiprocessors, double clock, double readBytesPerSecond, long l2Bytes,
        int fmaLanes, int aluLanes, int doubleLanes, double matrixMultiplyAdds, int latencyClocks, double boundarySeconds,
        int bytesUnderWay, String measured) {
    /**
     * Of the data sheet's bandwidth, what reading gets: an H100 SXM's 3.35 TB/s are reported to give 3.0 to 3.09 when copied and
     * read. Taken for all cards.
     */
    private static final double READ_SHARE = 0.92;
    /** Between two kernels of a graph: the figure that the project reckons with, from an H100. Taken for all cards. */
    private static final double BOUNDARY = 1.3e-6;
    /** {@code mma.sync} reaches about 62 % of what {@code wgmma} does on Hopper (Luo and others, arXiv 2402.13499, table of mma throughput). */
    static final double HOPPER_MMA_SHARE = 0.62;
    private static final long MIB = 1 << 20;
    private static final int REGISTERS = 65536;

    private static final List<Card> KNOWN = List.of(
            // 65 TFLOPS of f16 = 40 × 512 multiply-adds × 1.59 GHz
            card("T4", 75, 40, 1.590e9, 320e9, 4, 64, 64, 2, 512, 500, 8),
            // 312 TFLOPS = 108 × 1024 × 1.41 GHz
            card("A100-40GB", 80, 108, 1.410e9, 1555e9, 40, 64, 64, 32, 1024, 466, 12),
            card("A100-80GB", 80, 108, 1.410e9, 2039e9, 40, 64, 64, 32, 1024, 466, 12),
            // 71 TFLOPS with f32 sums, half of that with f16 sums = 82 × 256 × 1.695 GHz
            card("RTX 3090", 86, 82, 1.695e9, 936e9, 6, 128, 64, 2, 256, 500, 8),
            // 121 TFLOPS with f32 sums = 58 × 512 × 2.04 GHz
            card("L4", 89, 58, 2.040e9, 300e9, 48, 128, 64, 2, 512, 541, 8),
            // 165.2 TFLOPS with f32 sums = 128 × 256 × 2.52 GHz
            card("RTX 4090", 89, 128, 2.520e9, 1008e9, 72, 128, 64, 2, 256, 541, 8),
            // 989 TFLOPS by wgmma = 132 × 2048 × 1.83 GHz
            card("H100", 90, 132, 1.830e9, 3350e9, 50, 128, 64, 64, 2048 * HOPPER_MMA_SHARE, 479, 32),
            card("H200", 90, 132, 1.830e9, 4800e9, 50, 128, 64, 64, 2048 * HOPPER_MMA_SHARE, 479, 40),
            // 209.5 TFLOPS with f32 sums = 170 × 256 × 2.407 GHz
            card("RTX 5090", 120, 170, 2.407e9, 1792e9, 96, 128, 128, 2, 256, 500, 12));

    private static Card card(String name, int capability, int multiprocessors, double clock, double dataSheetBandwidth, int l2MiB,
            int fmaLanes, int aluLanes, int doubleLanes, double matrixMultiplyAdds, int latencyClocks, int kibUnderWay) {
        return new Card(name, capability, multiprocessors, clock, dataSheetBandwidth * READ_SHARE, l2MiB * MIB, fmaLanes, aluLanes,
                doubleLanes, matrixMultiplyAdds, latencyClocks, BOUNDARY, kibUnderWay << 10, "");
    }

    /** The cards that are predicted for, older ones first. */
    public static List<Card> known() {
        return KNOWN;
    }

    /** The card whose name is part of a driver's name for it, such as {@code NVIDIA H100 80GB HBM3}; the longest, where several are. */
    public static Optional<Card> named(String description) {
        String wanted = description.replace("-SXM4", "").replace("-PCIE", "");
        return KNOWN.stream().filter(card -> wanted.contains(card.name)).max((a, b) -> a.name.length() - b.name.length());
    }

    /**
     * What was found on a card.
     *
     * @param multiprocessors as its driver says; 0 where that isn't known, so too clock and l2Bytes
     */
    public record Fitted(double readBytesPerSecond, double boundarySeconds, int multiprocessors, double clock, long l2Bytes) {}

    /** The same card with what was measured on one. */
    public Card with(Fitted found, String source) {
        return new Card(name, capability, found.multiprocessors > 0 ? found.multiprocessors : multiprocessors, found.clock > 0 ? found.clock : clock,
                found.readBytesPerSecond, found.l2Bytes > 0 ? found.l2Bytes : l2Bytes, fmaLanes, aluLanes, doubleLanes, matrixMultiplyAdds,
                latencyClocks, found.boundarySeconds, bytesUnderWay, source);
    }

    /** A card that isn't known by its name: as the last known one of its capability. */
    public static Optional<Card> like(int capability, String description) {
        return KNOWN.stream().filter(card -> card.capability == capability).reduce((before, last) -> last)
                .map(card -> new Card(description, card.capability, card.multiprocessors, card.clock, card.readBytesPerSecond, card.l2Bytes, card.fmaLanes,
                        card.aluLanes, card.doubleLanes, card.matrixMultiplyAdds, card.latencyClocks, card.boundarySeconds, card.bytesUnderWay, ""));
    }

    /** The cards that machine code for a capability is made for: of that one, or where none is known of the nearest below it. */
    public static List<Card> of(int capability) {
        int nearest = KNOWN.stream().mapToInt(Card::capability).filter(known -> known <= capability).max().orElse(KNOWN.get(0).capability);
        return KNOWN.stream().filter(card -> card.capability == nearest).toList();
    }

    /** Whether it runs machine code that was made for a capability: the same major number, no higher minor one. */
    public boolean runsCodeOf(int target) {
        return target / 10 == capability / 10 && target <= capability;
    }

    /** Blocks that a multiprocessor runs at a time (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"). */
    int residentBlocks(int threads, int registers, long sharedBytes) {
        int mostThreads = switch (capability) {
            case 75 -> 1024;
            case 80, 90, 100 -> 2048;
            default -> 1536;
        };
        int mostBlocks = switch (capability) {
            case 75, 86 -> 16;
            case 89, 120 -> 24;
            default -> 32;
        };
        int shared = 1024 * switch (capability) {
            case 75 -> 64;
            case 80 -> 164;
            case 90, 100 -> 228;
            default -> 100;
        };
        int reserved = capability >= 80 ? 1024 : 0;
        int byRegisters = REGISTERS / (Math.max(1, (registers + 7) / 8) * 8 * ((threads + 31) / 32 * 32));
        long byShared = shared / (sharedBytes + reserved + 1);
        return (int) Math.max(1, Math.min(Math.min(mostThreads / threads, mostBlocks), Math.min(byRegisters, byShared)));
    }

    double latencySeconds() {
        return latencyClocks / clock;
    }
}
