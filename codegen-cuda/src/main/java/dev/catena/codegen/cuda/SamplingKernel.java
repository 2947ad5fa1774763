package dev.catena.codegen.cuda;

import java.util.List;

/** Chooses a token from each selected row of logits: a block a row. */
final class SamplingKernel {
    /** sampling.cuh's SAMPLING_THREADS. */
    private static final int THREADS = 256;

    private SamplingKernel() {}

    static List<RowBucket> buckets(int vocabulary, int maxRows, KernelSet kernels) {
        return RowBucket.sizes(maxRows).stream().map(rows -> new RowBucket(rows, List.of(of(vocabulary, rows, kernels)))).toList();
    }

    /** A bit for each token of each row. */
    static long scratchBytes(int vocabulary, int maxRows) {
        return (vocabulary + 31) / 32 * 4L * maxRows;
    }

    private static KernelLaunch of(int vocabulary, int rows, KernelSet kernels) {
        return new CudaKernel("sample_v" + vocabulary, "A token of " + vocabulary + " for each selected row.", THREADS, "sampling.cuh")
                .step().parameter("const float *logits", "logits").parameter("const Sampling *parameters", "sampling")
                .parameter("const int *history", "history").parameter("uint32 *seen", "scratch+0")
                .parameter("int *sampled", "sampled")
                .body("sample<%d>(step[STEP_SELECTED], logits, parameters, history, seen, sampled);".formatted(vocabulary))
                .launch(kernels, rows);
    }
}
