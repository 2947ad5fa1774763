package dev.catena.codegen.cuda;

import dev.catena.codegen.MatrixLayout;

/**
 * How long a linear layer's kernel should take on an architecture's fastest card: what it reads over the bandwidth that its loads
 * under way can draw, times what the last wave of blocks leaves idle. Good for an order in which to measure and for nothing else.
 */
final class LinearEstimate {
    /**
     * What is known of a card.
     *
     * @param readBytesPerSecond as its maker says
     * @param bytesInFlight      that a multiprocessor must have under way for that
     */
    private record Card(int multiprocessors, double readBytesPerSecond, int bytesInFlight, int sharedBytes) {
        static Card of(CudaTarget target) {
            return switch (target.capability()) {
                case 75 -> new Card(40, 320e9, 8 << 10, 64 << 10);
                case 80 -> new Card(108, 2.0e12, 12 << 10, 164 << 10);
                case 86 -> new Card(82, 936e9, 8 << 10, 100 << 10);
                case 89 -> new Card(128, 1.0e12, 8 << 10, 100 << 10);
                case 90 -> new Card(132, 4.8e12, 40 << 10, 228 << 10);
                case 100 -> new Card(148, 8.0e12, 48 << 10, 228 << 10);
                default -> new Card(170, 1.8e12, 8 << 10, 100 << 10);
            };
        }
    }

    private static final int MOST_THREADS = 2048;
    private static final int LOAD_BYTES = 16;

    private final LinearCase tuned;
    private final Card card;

    LinearEstimate(LinearCase tuned, CudaTarget target) {
        this.tuned = tuned;
        card = Card.of(target);
    }

    double seconds(LinearConfiguration c) {
        MatrixLayout layout = new MatrixLayout(tuned.linear().type());
        ManyRowTile tile = ManyRowTile.of(tuned.rows()).withOutputWarps(c.warps());
        long blocks = switch (c.kind()) {
            case TOKENS -> (layout.blocks() + 1) / 2;
            case FEW_ROWS -> layout.blocks();
            case MANY_ROWS -> (long) ((tuned.linear().type().rows() + tile.outputs() - 1) / tile.outputs()) * ((tuned.rows() + tile.rows() - 1) / tile.rows());
        };
        int resident = switch (c.kind()) {
            case TOKENS -> c.resident();
            case FEW_ROWS -> Math.min(16, MOST_THREADS / (c.warps() * 32) / 2);
            case MANY_ROWS -> Math.max(1, Math.min(MOST_THREADS / tile.threads() / 2, card.sharedBytes / c.sharedBytes(tuned.linear(), tile)));
        };
        // A warp has no more loads under way than its share of the columns holds.
        double loadsOfWarp = Math.min(c.kind() == LinearConfiguration.Kind.TOKENS ? c.inFlight() : 2,
                Math.max(1, layout.blockBytes() * 2.0 / (c.warps() * 32 * LOAD_BYTES)));
        double underWay = resident * (c.kind() == LinearConfiguration.Kind.MANY_ROWS ? tile.threads() : c.warps() * 32) * loadsOfWarp * LOAD_BYTES;
        double places = (double) card.multiprocessors * resident;
        double idle = Math.ceil(blocks / places) * places / blocks;
        return layout.bytes() / card.readBytesPerSecond * idle * Math.max(1, card.bytesInFlight / underWay);
    }
}
