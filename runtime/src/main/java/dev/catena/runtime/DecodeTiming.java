package dev.catena.runtime;

/**
 * Times decode steps of some sequences at a context, without anybody's text: one sequence is fed, and its cache copied to pages of
 * the others' own, so that each reads memory of its own as it would in service. Tokens are chosen where the device can.
 */
final class DecodeTiming {
    private static final int WARM_UP_STEPS = 3;

    private final StageChain chain;
    private final Step step;
    private final int vocabulary;
    private final int context;
    private final PageTable[] tables;
    private final int[] token = new int[1];

    /** @param chain with pages for {@code sequences} of {@code positions} each */
    DecodeTiming(StageChain chain, int vocabulary, int sequences, int context, int positions) {
        this.chain = chain;
        this.vocabulary = vocabulary;
        this.context = context;
        step = chain.step();
        tables = new PageTable[sequences];
        for (int i = 0; i < sequences; i++) {
            tables[i] = new PageTable(chain.pages());
            if (!tables[i].prepareWrite(0, positions, chain)) {
                throw new IllegalStateException("the cache has no pages for " + sequences + " sequences of " + positions);
            }
        }
    }

    static int stepsIn(int steps) {
        return Math.max(steps, WARM_UP_STEPS);
    }

    /** Seconds of {@code steps} decode steps, as many times as {@code repetitions}, after a warm-up. */
    double[] run(int steps, int repetitions) {
        fill();
        decode(WARM_UP_STEPS);
        double[] seconds = new double[repetitions];
        for (int i = 0; i < repetitions; i++) {
            long start = System.nanoTime();
            decode(steps);
            seconds[i] = (System.nanoTime() - start) / 1e9;
        }
        return seconds;
    }

    private void fill() {
        int[] ids = new int[context];
        for (int i = 0; i < context; i++) {
            ids[i] = (int) (i * 7919L % vocabulary);
        }
        for (int fed = 0; fed < context;) {
            int rows = Math.min(chain.prefillRows(context), context - fed);
            step.clear();
            step.add(ids, fed, rows, fed, tables[0].ids(), tables[0].count());
            fed += rows;
            if (fed == context) {
                step.selectLast();     // the chain waits for such a step
            }
            chain.run();
        }
        for (int i = 1; i < tables.length; i++) {
            for (int page = 0; page < PagePool.pagesFor(context); page++) {
                chain.copyPage(tables[0].ids()[page], tables[i].ids()[page]);
            }
        }
    }

    private void decode(int steps) {
        for (int i = 0; i < steps; i++) {
            step.clear();
            for (int s = 0; s < tables.length; s++) {
                token[0] = (int) ((s * 31L + i) % vocabulary);
                step.add(token, 0, 1, context + i, tables[s].ids(), tables[s].count());
                step.selectLast();
            }
            chain.run();
            if (chain.mostSampledRows() >= tables.length) {
                chain.rowSampling().begin(tables.length);
                chain.sample();
            }
        }
    }
}
