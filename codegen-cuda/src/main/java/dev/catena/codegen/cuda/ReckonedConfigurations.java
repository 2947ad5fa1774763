package dev.catena.codegen.cuda;

import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What linear layers of few rows are made with where no card has measured it: whether their columns are split between blocks, and between how many, how many
 * warps a block has and how deep their rings of weights are. A block has 32 outputs, so that 4096 are 128 blocks: of 108 multiprocessors twenty have
 * twice as much to do as the others, and 132 have one block each at most. Where instructions or products take longer than the memory, the kernel takes as
 * long as these do; halves and quarters of blocks are shared out better. Where the memory does, one block alone has to have its multiprocessor's share
 * under way. The rules are those of the simulator's model (docs/sim.md, "The model"), with what it counted of a block put down
 * ({@link FewRowClocks}).
 */
public final class ReckonedConfigurations {
    private static final int TURN = 128;
    /** Products of 128 columns of a block: two tiles of 16 outputs, eight slices of 16 columns, eight columns of B. */
    private static final double PRODUCTS_OF_TURN = 2 * 8 * 16 * 16 * 8;
    /** What a kernel has to gain before a card's program differs for it from those of other cards. */
    private static final double LEAST_GAIN = 0.04;
    private static final int ONE_TILE_ROWS = 4;

    private ReckonedConfigurations() {}

    /**
     * A table with a configuration, too, for each kernel that is made in another way than the usual one.
     *
     * @param tuned   what was measured, which stays as it is
     * @param maxRows the most rows of a step
     * @param inBulk  whether weights come by bulk copies where they can
     * @param cards   that the code is for; several are taken together
     */
    public static TunedKernels addedTo(TunedKernels tuned, List<List<Launch>> stages, int maxRows, boolean inBulk, List<CardRates> cards) {
        Map<String, LinearConfiguration> unusual = new LinkedHashMap<>();
        List<List<Launch>> distinct = stages.stream().distinct().toList();
        for (int rows : RowBucket.sizes(maxRows)) {
            distinct.stream().flatMap(launches -> TokenLinear.all(launches, rows).stream()).forEach(fused -> {
                LinearConfiguration.Kind kind = inBulk && LinearConfiguration.standard(LinearConfiguration.Kind.BULK, fused.linear(), rows).fits(fused.linear(), rows)
                        ? LinearConfiguration.Kind.BULK : LinearConfiguration.Kind.TOKENS;
                LinearConfiguration chosen = chosen(kind, fused.linear(), rows, cards);
                if (!chosen.equals(LinearConfiguration.standard(kind, fused.linear(), rows))) {
                    unusual.put(LinearKernels.tokensName(fused, rows), chosen);
                }
            });
        }
        return tuned.with(unusual);
    }

    /** What a kernel of few rows is made with for these cards where nothing was measured. @param rows of the step */
    static LinearConfiguration chosen(LinearConfiguration.Kind kind, LinearLaunch launch, int rows, List<CardRates> cards) {
        LinearConfiguration best = LinearConfiguration.standard(kind, launch, rows);
        double least = seconds(launch, rows, best, cards) * (1 - LEAST_GAIN);
        for (LinearConfiguration other : LinearConfiguration.unusual(kind, launch, rows)) {
            double seconds = seconds(launch, rows, other, cards);
            if (seconds < least) {
                best = other;
                least = seconds;
            }
        }
        return best;
    }

    /** On all cards together; of a kernel that serves one row and four, of both. */
    private static double seconds(LinearLaunch launch, int rows, LinearConfiguration made, List<CardRates> cards) {
        int most = LinearKernels.tokenRows(rows);
        return cards.stream().mapToDouble(card -> seconds(launch, most, made, card) + (most == ONE_TILE_ROWS ? seconds(launch, 1, made, card) : 0)).sum();
    }

    /** What a launch takes on a card, without boundary and ramp. */
    private static double seconds(LinearLaunch launch, int rows, LinearConfiguration made, CardRates card) {
        MatrixType type = launch.type();
        int splits = made.splits();
        int blocks = LinearKernels.tokenBlocks(launch) * splits;
        int tiles = Math.max(8, LinearKernels.tokenRows(rows) * LinearKernels.parts(launch)) / 8;
        FewRowClocks clocks = FewRowClocks.of(LinearKernels.parts(launch));
        double clocksOfTurn = Math.max(clocks.ofTurn(type.element(), rows), tiles * PRODUCTS_OF_TURN / card.matrixMultiplyAdds());
        double blocksOfBusiest = Math.ceil((double) blocks / card.multiprocessors());
        double clocksOfBlocks = Math.ceil(type.columns() / (double) TURN) * clocksOfTurn + clocks.besideTurns(made, rows);
        double computing = blocksOfBusiest * clocksOfBlocks / splits / card.clock();
        return Math.max(computing, memorySeconds(launch, blocks, made, card)) + (splits == 1 ? 0 : card.joinSeconds());
    }

    /**
     * Waves of as many blocks as the card has room for, then the rest: each takes what its bytes need of the bandwidth, and no less than a block does, which
     * brings what it has under way in the time that loaded memory takes to answer.
     */
    private static double memorySeconds(LinearLaunch launch, int blocks, LinearConfiguration made, CardRates card) {
        double ofBlock = (double) new MatrixLayout(launch.type()).bytes() / blocks;
        double answer = (double) card.bytesUnderWay() * card.multiprocessors() / card.readBytesPerSecond();
        double alone = ofBlock / Math.min(ofBlock, made.bytesUnderWay(launch)) * answer;
        int together = card.multiprocessors() * made.resident();
        int rest = blocks % together;
        return blocks / together * Math.max(alone, together * ofBlock / card.readBytesPerSecond())
                + (rest == 0 ? 0 : Math.max(alone, rest * ofBlock / card.readBytesPerSecond()));
    }
}
