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
 * @param clock           boost clock in Hz
 * @param rates           what a multiprocessor does in a clock
 * @param boundarySeconds from a kernel's end to the next one's beginning in a graph
 * @param measured        what of it was measured on a card, in words; empty: nothing
 */
public record Card(String name, int capability, int multiprocessors, double clock, Rates rates, Memory memory, double boundarySeconds,
        String measured) {
    /**
     * Of a multiprocessor in a clock.
     *
     * @param fmaLanes           f32 products
     * @param aluLanes           integer and logic operations (CUDA C++ Programming Guide, "Arithmetic Instructions")
     * @param doubleLanes        f64 products (the same table)
     * @param matrixMultiplyAdds f16 products with f32 sums, by {@code mma.sync}
     */
    public record Rates(int fmaLanes, int aluLanes, int doubleLanes, double matrixMultiplyAdds) {}

    /**
     * What lies behind the multiprocessors.
     *
     * @param readBytesPerSecond what a kernel that only reads gets of the memory
     * @param l2Bytes            of level 2 cache
     * @param latencyClocks      of a load that misses all caches (Luo and others, "Dissecting the NVIDIA Hopper Architecture through
     *                           Microbenchmarking", arXiv 2501.12084, for A100, 4090 and H100; others: 500)
     * @param bytesUnderWay      that a multiprocessor must have asked for and not got yet for all of the bandwidth, as loaded memory
     *                           answers: the project's figures (H100 32 KiB, H200 40, A100 12, 3090 and 4090 8; T4 and 5090 by their
     *                           bandwidth between them; L4 as the 4090)
     */
    public record Memory(double readBytesPerSecond, long l2Bytes, int latencyClocks, int bytesUnderWay) {
        private static Memory ofDataSheet(double bytesPerSecond, int l2MiB, int latencyClocks, int kibUnderWay) {
            return new Memory(bytesPerSecond * READ_SHARE, l2MiB * MIB, latencyClocks, kibUnderWay << 10);
        }
    }

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
            card("T4", 75, 40, 1.590e9, new Rates(64, 64, 2, 512), Memory.ofDataSheet(320e9, 4, 500, 8)),
            // 312 TFLOPS = 108 × 1024 × 1.41 GHz
            card("A100-40GB", 80, 108, 1.410e9, new Rates(64, 64, 32, 1024), Memory.ofDataSheet(1555e9, 40, 466, 12)),
            card("A100-80GB", 80, 108, 1.410e9, new Rates(64, 64, 32, 1024), Memory.ofDataSheet(2039e9, 40, 466, 12)),
            // 71 TFLOPS with f32 sums, half of that with f16 sums = 82 × 256 × 1.695 GHz
            card("RTX 3090", 86, 82, 1.695e9, new Rates(128, 64, 2, 256), Memory.ofDataSheet(936e9, 6, 500, 8)),
            // 121 TFLOPS with f32 sums = 58 × 512 × 2.04 GHz
            card("L4", 89, 58, 2.040e9, new Rates(128, 64, 2, 512), Memory.ofDataSheet(300e9, 48, 541, 8)),
            // 165.2 TFLOPS with f32 sums = 128 × 256 × 2.52 GHz
            card("RTX 4090", 89, 128, 2.520e9, new Rates(128, 64, 2, 256), Memory.ofDataSheet(1008e9, 72, 541, 8)),
            // 989 TFLOPS by wgmma = 132 × 2048 × 1.83 GHz
            card("H100", 90, 132, 1.830e9, new Rates(128, 64, 64, 2048 * HOPPER_MMA_SHARE), Memory.ofDataSheet(3350e9, 50, 479, 32)),
            card("H200", 90, 132, 1.830e9, new Rates(128, 64, 64, 2048 * HOPPER_MMA_SHARE), Memory.ofDataSheet(4800e9, 50, 479, 40)),
            // 209.5 TFLOPS with f32 sums = 170 × 256 × 2.407 GHz
            card("RTX 5090", 120, 170, 2.407e9, new Rates(128, 128, 2, 256), Memory.ofDataSheet(1792e9, 96, 500, 12)));

    private static Card card(String name, int capability, int multiprocessors, double clock, Rates rates, Memory memory) {
        return new Card(name, capability, multiprocessors, clock, rates, memory, BOUNDARY, "");
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
        Memory its = new Memory(found.readBytesPerSecond, found.l2Bytes > 0 ? found.l2Bytes : memory.l2Bytes, memory.latencyClocks,
                memory.bytesUnderWay);
        return new Card(name, capability, found.multiprocessors > 0 ? found.multiprocessors : multiprocessors, found.clock > 0 ? found.clock : clock,
                rates, its, found.boundarySeconds, source);
    }

    /** A card that isn't known by its name: as the last known one of its capability. */
    public static Optional<Card> like(int capability, String description) {
        return KNOWN.stream().filter(card -> card.capability == capability).reduce((before, last) -> last)
                .map(card -> new Card(description, card.capability, card.multiprocessors, card.clock, card.rates, card.memory, card.boundarySeconds, ""));
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

    /** That of {@link Memory#latencyClocks}. */
    public double latencySeconds() {
        return memory.latencyClocks / clock;
    }
}
